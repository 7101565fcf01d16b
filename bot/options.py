"""Settings translated into what each room understands. Nothing is decided here."""

from collections.abc import Awaitable, Callable

from bot import checks, guards, runbooks, settings, settings_text
from bot.adapters import alertmanager as alertmanagers
from bot.adapters import deadman as deadmen
from bot.adapters import health, schedule
from bot.adapters.cluster import checkup
from bot.adapters.cluster import options as cluster_options
from bot.adapters.metrics import prometheus as metrics
from bot.adapters.slack import catalogue
from bot.adapters.slack import options as slack_options
from bot.adapters.store import options as store_options
from bot.domain import (
    access,
    attention,
    calendar,
    errors,
    finding,
    ledger,
    routing,
    snapshot,
    tracking,
    units,
)
from bot.domain.plan import StepKind
from bot.flannel import discovery, forecast
from bot.flow import (
    alerting,
    audit,
    carry,
    cycle,
    deliver,
    explain,
    follow,
    hands,
    insight,
    inspect,
    probes,
    propose,
    quieting,
)
from bot.flow import memory as flow_memory
from bot.flow import rules as rules_
from bot.flow import sampling as flow_sampling


def store(given: settings.Settings) -> store_options.Options:
    """Return where state lives; only the default's directory is made by the bot."""
    url = given.database.url
    default = settings.Database.model_fields["url"].default
    return store_options.Options(url=url, create_directory=url == default)


def cluster(given: settings.Settings, one: settings.Cluster) -> cluster_options.Options:
    """Return how one cluster is reached and read."""
    mirror = given.mirror
    longest = mirror.watch_timeout.total_seconds()
    return cluster_options.Options(
        name=one.name,
        kubeconfig=one.kubeconfig,
        context=one.context,
        namespaces=one.namespaces,
        page_size=mirror.page_size,
        request_timeout=mirror.request_timeout.total_seconds(),
        watch_timeout=(longest * 0.8, longest),
        silence_after=mirror.silence_after.total_seconds(),
        backoff=(mirror.backoff_first.total_seconds(), mirror.backoff_most.total_seconds()),
        gap_after=mirror.gap_after.total_seconds(),
    )


def slack(given: settings.Settings) -> slack_options.Options:
    """Return how Slack is reached."""
    return slack_options.Options(
        bot_token=given.slack.bot_token.get_secret_value(),
        app_token=given.slack.app_token.get_secret_value(),
        signing_secret=given.slack.signing_secret.get_secret_value(),
        api_url=given.slack.api_url,
        mode=given.slack.mode,
        called=given.process.role != "executor",
        languages=languages(given),
        watchdog_after=given.slack.watchdog_after.total_seconds(),
        give_up_after=given.slack.give_up_after.total_seconds(),
    )


def languages(given: settings.Settings) -> catalogue.Languages:
    """Return which language is spoken to whom."""
    named = given.language
    return catalogue.Languages(named.default, named.channels, named.users)


def private(given: settings.Settings, name: str) -> tuple[str, ...]:
    """Return the prefixes that flannel's addresses must be in, of the cluster of that name."""
    return next((one.private_cidrs for one in given.watched if one.name == name), ())


def limits(given: settings.Settings, *, one_pass: bool = False) -> checks.Limits:
    """Return the checks' thresholds."""
    return checks.Limits(
        pod_grace=given.checks.pod_grace,
        daemonset_grace=given.checks.daemonset_grace,
        rollout_stuck=given.checks.rollout_stuck,
        deployment_grace=given.checks.deployment_grace,
        node_grace=given.checks.node_grace,
        flannel_missing_grace=given.checks.flannel_missing_grace,
        blind_after=given.checks.blind_after,
        settle=given.checks.node_joined,
        left=given.checks.node_left,
        look_valid=given.checks.look_valid,
        one_pass=one_pass,
    )


def memory(given: settings.Settings) -> ledger.Policy:
    """Return what the ledger counts as a loop, as news and as over."""
    return ledger.Policy(
        window=given.checks.restart_window,
        stable=given.checks.stable_after,
        oom_quiet=given.checks.oom_quiet,
        lookback=given.checks.lookback,
    )


def judging(given: settings.Settings, one: settings.Cluster) -> cycle.Options:
    """Return how one cluster is judged and where it is told."""
    return cycle.Options(
        channel=given.channel_of(one),
        limits=limits(given),
        memory=memory(given),
        matching=tracking.Policy(
            resolve_after=given.incidents.resolve_after,
            reopen_within=given.incidents.reopen_within,
            flapping=given.incidents.flapping,
            flapping_resolve_after=given.incidents.flapping_resolve_after,
        ),
        quiet=quieted(given, one),
    )


def quieted(given: settings.Settings, one: settings.Cluster) -> quieting.Options:
    """Return where one cluster is told, and when it is not."""
    noise = given.noise
    return quieting.Options(
        otherwise=routing.Place(given.channel_of(one), noise.on_call),
        routes=tuple(
            routing.Route(settings_text.conditions(each.match), each.channel, each.on_call)
            for each in given.routing
        ),
        hours=tuple(
            routing.Quiet(window, settings_text.conditions(each.match))
            for each in given.quiet
            for window in settings_text.windows(each.when, each.timezone or given.schedule.timezone)
        ),
        budget=noise.budget,
        policy=attention.Policy(
            repeat={
                finding.Severity.CRITICAL: noise.repeat_critical,
                finding.Severity.WARNING: noise.repeat_warning,
            }
        ),
    )


def telling(given: settings.Settings) -> deliver.Options:
    """Return the pace of telling."""
    return deliver.Options(
        post_interval=given.telling.post_interval,
        edit_interval=given.telling.edit_interval,
        digest_over=given.telling.digest_over,
    )


def particulars(given: settings.Settings) -> explain.Options:
    """Return what goes into threads."""
    return explain.Options(log_lines=given.telling.log_lines)


def looking(given: settings.Settings) -> inspect.Options:
    """Return how nodes are looked at."""
    return inspect.Options(
        exec=given.inspection.exec,
        exec_in_pods=given.inspection.exec_in_pods,
        at_once=given.inspection.at_once,
        within=given.inspection.within,
        a_minute=given.inspection.a_minute,
    )


def probing(given: settings.Settings) -> probes.Options:
    """Return how many probe pods there may be."""
    return probes.Options(
        at_once=given.inspection.probes_at_once, an_hour=given.inspection.probes_an_hour
    )


def patience(given: settings.Settings) -> insight.Patience:
    """Return how long who came or went is not held against the others."""
    return insight.Patience(joined=given.checks.node_joined, left=given.checks.node_left)


def auditing(given: settings.Settings) -> audit.Options:
    """Return how many nodes are looked at by themselves, and when."""
    return audit.Options(
        sample=given.inspection.sample,
        burst=given.inspection.burst,
        restarted=given.inspection.restarted,
        joined=given.checks.node_joined,
        left=given.checks.node_left,
        peaks_over=given.metrics.history,
        peaks_every=given.metrics.resolution,
    )


def sampling(given: settings.Settings) -> flow_sampling.Options:
    """Return how finely and how long flannel's memory is kept."""
    return flow_sampling.Options(slot=given.metrics.resolution, keep=given.metrics.keep)


def prometheus(given: settings.Settings, cluster: str) -> metrics.Options | None:
    """Return how a Prometheus is reached; None where none is named.

    Raises errors.Misconfigured for an authority that cannot be read.
    """
    named = given.metrics
    if not named.prometheus_url:
        return None
    if named.ca is not None and not named.ca.is_file():
        raise errors.Misconfigured(f"metrics.ca: {named.ca} is no file that can be read")
    return metrics.Options(
        url=named.prometheus_url,
        token=named.bearer_token.get_secret_value(),
        ca=named.ca,
        timeout=named.timeout.total_seconds(),
        label=(named.cluster_label, cluster) if named.cluster_label else None,
    )


def remembering(given: settings.Settings) -> flow_memory.Options:
    """Return how flannel's memory is told."""
    trend = forecast.Policy(least=given.metrics.trend_after, warm_up=given.metrics.trend_after / 6)
    return flow_memory.Options(over=given.metrics.history, trend=trend)


def policies(given: settings.Settings) -> access.Policies:
    """Return who has which role in which cluster."""
    return access.Policies({one.name: roles(given.within(one)) for one in given.watched})


def roles(given: settings.Settings) -> access.Policy:
    """Return who has which role where these settings are in force."""
    named, groups = given.access, given.access.groups

    def members(users: tuple[str, ...], of: tuple[str, ...]) -> access.Members:
        return access.Members(users=frozenset(users), groups=frozenset(of))

    return access.Policy(
        members={
            access.Role.REQUESTER: members(named.requesters, groups.requesters),
            access.Role.APPROVER: members(named.approvers, groups.approvers),
            access.Role.ADMIN: members(named.admins, groups.admins),
        }
    )


def drafting(given: settings.Settings) -> runbooks.Limits:
    """Return how plans are drafted, how long they wait, and how many must approve them."""
    return runbooks.Limits(
        memory_cap=units.parsed_memory(given.remediation.limits.memory_cap),
        batch=given.remediation.limits.batch,
        expiry=given.remediation.expiry,
        quorum=given.access.quorum,
        quorum_risky=given.access.quorum_risky,
        many_nodes=given.access.many_nodes,
        look_age=given.remediation.limits.look_age,
        pace=given.remediation.timing.pace,
        pod_ready=given.remediation.timing.pod_ready,
        drain=given.remediation.timing.drain,
        write=given.remediation.timing.write,
        helps_within=given.remediation.timing.helps_within,
        stays=given.remediation.timing.stays,
    )


def proposing(given: settings.Settings) -> propose.Options:
    """Return how plans are drafted, and from how fresh looks."""
    poll = given.remediation.timing.poll
    return propose.Options(look_age=30 * poll, again=(1 * poll, 2 * poll))


def carrying(given: settings.Settings) -> carry.Options:
    """Return the pace at which plans are carried out."""
    timing = given.remediation.timing
    poll = timing.poll
    return carry.Options(
        poll=2 * poll,
        again=2 * poll,
        look_age=5 * poll,
        writing=hands.Options(again=2 * poll, blocked=5 * poll, poll=poll),
        waiting=follow.Options(poll=poll, settle=timing.settle, look_every=5 * poll),
    )


def changing(given: settings.Settings) -> guards.Limits:
    """Return how much may be changed at once, and how fast."""
    named = given.remediation.limits
    return guards.Limits(
        max_nodes=named.max_nodes,
        min_healthy=named.min_healthy,
        cooldown=named.cooldown,
        drains_at_once=named.drains_at_once,
        control_plane=named.control_plane,
        snapshot_age=named.snapshot_age,
    )


def rules(given: settings.Settings) -> rules_.Rules:
    """Return what may be changed in a cluster where these settings are in force."""
    return rules_.Rules(
        enabled=given.remediation.enabled,
        allowed=frozenset(given.remediation.runbooks),
        limits=changing(given),
        windows=frozen(given),
        drafting=drafting(given),
    )


def lease_holder(given: settings.Settings) -> str:
    """Return the cluster that holds the Lease by which replicas elect a leader."""
    return given.replicas.cluster or given.watched[0].name


def lease(given: settings.Settings) -> str:
    """Return the name of the Lease by which processes of this role choose who leads."""
    chat = given.process.role == "chat"
    return f"{given.replicas.lease}-chat" if chat else given.replicas.lease


def doing(given: settings.Settings, cluster: str = "") -> checkup.Doing:
    """Return what this process does in a cluster, for the rights that it takes."""
    given = given.of(cluster)
    chat, executor = given.process.role == "chat", given.process.role == "executor"
    leased = given.replicas.enabled and cluster == lease_holder(given)
    able = given.remediation.runbooks if given.remediation.enabled and not chat else ()
    steps = frozenset(kind for name in able for kind in runbooks.WRITES[name])
    return checkup.Doing(
        exec=given.inspection.exec and not chat,
        exec_in_pods=given.inspection.exec_in_pods and not chat,
        probe_pods=given.inspection.probe_pods != "off" and not chat,
        steps=steps,
        on_nodes=any(StepKind.PATCH_DAEMONSET not in runbooks.WRITES[name] for name in able),
        samples=given.schedule.samples != "off" and not executor,
        lease=(given.replicas.namespace, lease(given)) if leased else None,
    )


def frozen(given: settings.Settings) -> tuple[calendar.Window, ...]:
    """Return when the calendar forbids changes."""
    zone = given.schedule.timezone
    return tuple(settings_text.window(each, zone) for each in given.remediation.frozen)


def nobody(given: settings.Settings) -> tuple[str, ...]:
    """Return sentences on roles that what is switched on needs and nobody has."""
    found = {one.name: _nobody(given.within(one)) for one in given.watched}
    if len(set(found.values())) == 1:
        return next(iter(found.values()))
    return tuple(f"cluster {name}: {sentence}" for name, each in found.items() for sentence in each)


def _nobody(given: settings.Settings) -> tuple[str, ...]:
    policy = roles(given)
    if not given.remediation.enabled:
        approvers = policy.members[access.Role.APPROVER]
        if given.inspection.probe_pods == "approve" and not (approvers.users or approvers.groups):
            sentence = "inspection.probe_pods is approve and nobody is approver: name user ids in "
            return (f"{sentence}`access.approvers` or user groups in `access.groups.approvers`",)
        return ()
    without = [
        role
        for role in (access.Role.REQUESTER, access.Role.APPROVER)
        if not (policy.members[role].users or policy.members[role].groups)
    ]
    return tuple(
        f"remediation is enabled and nobody is {role.value}: name user ids in "
        f"`access.{role.value}s` or user groups in `access.groups.{role.value}s`"
        for role in without
    )


def http(given: settings.Settings) -> health.Options:
    """Return where probes and scrapes are answered."""
    return health.Options(host=given.http.host, port=given.http.port)


def alerts(given: settings.Settings) -> alerting.Options:
    """Return how long alerts count, and how they tell their cluster."""
    named = given.alertmanager
    return alerting.Options(expire_after=named.expire_after, cluster_label=named.cluster_label)


def alertmanager(given: settings.Settings) -> alertmanagers.Options:
    """Return who may post alerts."""
    return alertmanagers.Options(token=given.alertmanager.token.get_secret_value())


def deadman(given: settings.Settings) -> deadmen.Options:
    """Return where signs of life go."""
    return deadmen.Options(
        url=given.heartbeat.url.get_secret_value(), timeout=given.heartbeat.timeout.total_seconds()
    )


def job(
    given: settings.Settings,
    name: str,
    trigger: str,
    run: Callable[[], Awaitable[None]],
    *,
    cluster: str = "",
) -> schedule.Job | None:
    """Return a job for a trigger, `name` without its cluster; None for one switched off."""
    if trigger == "off":
        return None
    name = f"{name} {cluster}".strip()
    if len(trigger.split()) > 1:
        zone = given.schedule.timezone
        return schedule.Job(name=name, run=run, cron=trigger, timezone=zone, cluster=cluster)
    return schedule.Job(name=name, run=run, seconds=settings_text.seconds(trigger), cluster=cluster)


def is_flannel(daemonset: snapshot.DaemonSet) -> bool:
    """Whether a DaemonSet runs flannel; handed to the mirror, which knows no flannel."""
    return discovery.container_of(daemonset) is not None
