"""Fields as they stand in objects of Kubernetes: the same in every language."""

TEXTS = {
    text: text
    for text in (
        "{where}.terminated.reason={reason:text} exitCode={code} finishedAt={at}",
        "earlier state.terminated.reason={reason:text} exitCode={code} finishedAt={at}",
        "restartCount {number}",
        "restartCount {before} -> {after}",
        "desiredNumberScheduled={desired} currentNumberScheduled={current} numberReady={ready} numberAvailable={available}",
        "spec.replicas={replicas} availableReplicas={available} readyReplicas={ready} updatedReplicas={updated}",
        "condition {kind}={status} reason={reason:text} lastTransitionTime={since}[[: {message:text}]]",
        "generation={mine} observedGeneration={seen} updateStrategy={strategy} maxUnavailable={most}",
        "updateStrategy={strategy}",
        "{container} state.waiting.reason={reason}[[: {message:text}]]",
    )
}
