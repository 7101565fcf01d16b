{{- define "flannel-bot.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "flannel-bot.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "flannel-bot.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "flannel-bot.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "flannel-bot.selector" -}}
app.kubernetes.io/name: {{ include "flannel-bot.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "flannel-bot.labels" -}}
{{ include "flannel-bot.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "flannel-bot.account" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "flannel-bot.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name: say which account, where serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "flannel-bot.username" -}}
{{- printf "system:serviceaccount:%s:%s" .Release.Namespace (include "flannel-bot.account" .) }}
{{- end }}

{{/* What is watched, as a JSON list: each namespace once. */}}
{{- define "flannel-bot.namespaces" -}}
{{- concat (list .Values.flannel.namespace) .Values.namespaces | uniq | sortAlpha | toJson }}
{{- end }}

{{/* "true" or nothing: whether something of the settings is switched on. */}}
{{/* The settings as they are in force in the cluster that the bot runs in: its own count more. */}}
{{- define "flannel-bot.here" -}}
{{- $config := deepCopy .Values.config }}
{{- range $one := $config.clusters }}
{{- if not $one.kubeconfig }}
{{- $config = mergeOverwrite $config (pick $one "remediation" "inspection") }}
{{- end }}
{{- end }}
{{- toJson $config }}
{{- end }}

{{/* What this release is for: all, chat (which may run and change nothing) or executor. */}}
{{- define "flannel-bot.role" -}}
{{- dig "process" "role" "all" .Values.config }}
{{- end }}

{{/* "true" or nothing: whether it is no chat process, which asks the executor of another release. */}}
{{- define "flannel-bot.able" -}}
{{- if ne (include "flannel-bot.role" .) "chat" }}true{{ end }}
{{- end }}

{{- define "flannel-bot.exec" -}}
{{- if and (include "flannel-bot.able" .) (dig "inspection" "exec" true (include "flannel-bot.here" . | fromJson)) }}true{{ end }}
{{- end }}

{{- define "flannel-bot.execInPods" -}}
{{- if and (include "flannel-bot.able" .) (dig "inspection" "exec_in_pods" false (include "flannel-bot.here" . | fromJson)) }}true{{ end }}
{{- end }}

{{- define "flannel-bot.probes" -}}
{{- /* YAML makes false of a bare off. */ -}}
{{- if and (include "flannel-bot.able" .) (not (has (dig "inspection" "probe_pods" "off" (include "flannel-bot.here" . | fromJson) | toString) (list "off" "false"))) }}true{{ end }}
{{- end }}

{{- define "flannel-bot.samples" -}}
{{- if and (ne (include "flannel-bot.role" .) "executor") (not (has (dig "schedule" "samples" "1m" .Values.config | toString) (list "off" "false"))) }}true{{ end }}
{{- end }}

{{/* Runbooks that may be carried out, as a JSON list; empty for a bot that only observes. */}}
{{- define "flannel-bot.runbooks" -}}
{{- $all := list "raise-memory" "anchor-regex" "raise-memory-and-anchor" "drain" "evict-veth" "restart" }}
{{- $here := include "flannel-bot.here" . | fromJson }}
{{- if and (include "flannel-bot.able" .) (dig "remediation" "enabled" false $here) }}
{{- dig "remediation" "runbooks" $all $here | toJson }}
{{- else }}[]{{ end }}
{{- end }}

{{/* What the bot reads as its configuration file. */}}
{{- define "flannel-bot.config" -}}
{{- $own := dict "name" .Values.clusterName "namespaces" (include "flannel-bot.namespaces" . | fromJsonArray) }}
{{- $config := deepCopy .Values.config }}
{{- if not $config.clusters }}
{{- $_ := set $config "clusters" (list $own) }}
{{- end }}
{{- if gt (int .Values.replicas) 1 }}
{{- $elect := dict "enabled" true "namespace" .Release.Namespace "lease" (include "flannel-bot.fullname" .) }}
{{- $_ := set $config "replicas" (merge $elect (default dict $config.replicas)) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "flannel-bot.secretName" -}}
{{- default (include "flannel-bot.fullname" .) .Values.slack.existingSecret }}
{{- end }}

{{- define "flannel-bot.port" -}}
{{- dig "http" "port" 8080 .Values.config }}
{{- end }}

{{/* Numbers of docs/concepts/performance.md, with room. Memory is both, so that it is never reclaimed. */}}
{{- define "flannel-bot.resources" -}}
{{- if .Values.resources }}
{{- toYaml .Values.resources }}
{{- else }}
{{- $memory := get (dict "small" "256Mi" "medium" "384Mi" "large" "768Mi") .Values.size }}
{{- $cpu := get (dict "small" "50m" "medium" "100m" "large" "250m") .Values.size }}
requests: {cpu: {{ $cpu }}, memory: {{ $memory }}}
limits: {memory: {{ $memory }}}
{{- end }}
{{- end }}
