"""The command line. Exit codes: 0 done, 1 failed or findings, 2 usage, configuration, blindness."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import bot
from bot.domain import errors

cli = typer.Typer(
    name="flannel-bot",
    help="A Slack bot that keeps a cluster's flannel and kube-system healthy.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
sim = typer.Typer(help="Run one part of the pretend outside by itself.", no_args_is_help=True)
db = typer.Typer(help="Look after the database.", no_args_is_help=True)
config = typer.Typer(help="Look at the configuration.", no_args_is_help=True)
cli.add_typer(sim, name="sim")
cli.add_typer(db, name="db")
audit = typer.Typer(help="Look after the record of what was done.", no_args_is_help=True)
cli.add_typer(config, name="config")
cli.add_typer(audit, name="audit")
slack = typer.Typer(help="Set the Slack app up.", no_args_is_help=True)
cli.add_typer(slack, name="slack")

Config = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file; default: config/flannel-bot.yaml if it exists."),
]
LogFormat = Annotated[
    Literal["json", "console"] | None, typer.Option("--log-format", help="How log lines look.")
]


_TURN = 0.001
"""Seconds after which a thread that computes gives way. The loop lets go of the interpreter for
each TLS record that it reads (16 KiB, RFC 8446 section 5.1) and gets it back only then: by Python's
default of 5 ms, reading a quarter of a MiB beside a cycle kept it from all else for 90 ms."""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code. Faults meant for people are one line each."""
    try:
        cli(args=list(arguments), prog_name="flannel-bot")
    except SystemExit as ended:  # wrong usage has been told by then
        return ended.code if isinstance(ended.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except errors.Misconfigured as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"error: {line}\n")
        return 2
    except errors.BotError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"flannel-bot {bot.__version__}\n")
        raise typer.Exit


@cli.callback()
def _root(
    ctx: typer.Context,
    config_file: Config = None,
    log_format: LogFormat = None,
    *,
    version: Annotated[  # acted upon by its callback
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Keep a cluster's flannel and kube-system healthy, from Slack."""
    del version
    # Before the command or after it: the command's own word counts more.
    given = {"config_file": config_file, "log_format": log_format}
    told = {name: str(value) for name, value in given.items() if value is not None}
    ctx.default_map = _for_all(ctx.command, told)


def _for_all(command: object, told: dict[str, str]) -> dict[str, Any]:
    """Return options as the defaults of a command, or of all that are grouped in it."""
    grouped = getattr(command, "commands", None)
    if grouped is None:
        return dict(told)
    return {name: _for_all(each, told) for name, each in grouped.items()}


@cli.command()
def run(
    config_file: Config = None,
    log_format: LogFormat = None,
    *,
    role: Annotated[
        Literal["all", "chat", "executor"] | None,
        typer.Option("--role", help="What this process is for; default: `process.role`."),
    ] = None,
) -> None:
    """Run the bot: watch, judge, tell, answer."""
    if role is not None:
        os.environ["FLANNEL_BOT_PROCESS__ROLE"] = role  # counts when settings are read anew, too
    from bot import configuration  # each command imports its own world: --help stays quick

    given = configuration.load(config_file, log_format)
    configuration.refuse_incomplete(given)
    from bot import app, reloading  # the whole bot, a second's work: what lacks is said before it

    sys.setswitchinterval(_TURN)
    asyncio.run(app.run(given, reloading.Reloading(config_file, log_format, given)))


@cli.command()
def check(
    config_file: Config = None,
    log_format: LogFormat = None,
    *,
    output: Annotated[
        Literal["table", "json"], typer.Option("--output", "-o", help="How the result looks.")
    ] = "table",
    cluster: Annotated[
        str | None, typer.Option("--cluster", help="Which of several configured clusters.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option("--kubeconfig", help="Check the cluster of this file instead.")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="A context of that file.")
    ] = None,
    looks: Annotated[
        bool,
        typer.Option(help="Look at nodes too, by one read-only script in flannel's pods."),
    ] = True,
) -> None:
    """Look at a cluster once, read-only, without Slack.

    Exit code 0: healthy. 1: findings. 2: something could not be seen.
    """
    from bot import checking

    code = asyncio.run(
        checking.run(
            config_file,
            log_format=log_format,
            output=output,
            cluster=cluster,
            kubeconfig=kubeconfig,
            context=context,
            looks=looks,
        )
    )
    raise typer.Exit(code)


@cli.command()
def doctor(
    config_file: Config = None,
    log_format: LogFormat = None,
    *,
    output: Annotated[
        Literal["table", "json"], typer.Option("--output", "-o", help="How the result looks.")
    ] = "table",
) -> None:
    """See whether all is there that the bot needs: Slack, rights, flannel, database, clocks.

    Exit code 0: nothing failed. 1: something did. 2: the configuration cannot be read.
    """
    from bot import doctoring

    code = asyncio.run(doctoring.run(config_file, log_format=log_format, output=output))
    raise typer.Exit(code)


@cli.command()
def demo(
    *,
    nodes: Annotated[
        int,
        typer.Option(min=1, max=5000, help="Nodes in the cluster; few never fill 50Mi."),
    ] = 120,
    seed: Annotated[int, typer.Option(help="The same seed makes the same cluster.")] = 1,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100, help="How much faster than real time runs.")
    ] = 10,
    scenario: Annotated[
        Literal["story", "bad-plan", "guard", "healthy"], typer.Option(help="What happens.")
    ] = "story",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    page_port: Annotated[int, typer.Option(min=0, max=65535, help="The page's port.")] = 8765,
    api_port: Annotated[int, typer.Option(min=0, max=65535, help="The API server's port.")] = 6443,
    health_port: Annotated[int, typer.Option(min=0, max=65535, help="The bot's port.")] = 8080,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep database, logs and kubeconfig here.")
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write addresses as JSON here when ready.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser if there is one.")] = True,
) -> None:
    """See the bot at work in a browser: a pretend cluster, a pretend Slack, the real bot."""
    from bot import demo as pretend

    asyncio.run(
        pretend.Demo(
            pretend.Options(
                nodes=nodes,
                seed=seed,
                speed=speed,
                scenario=scenario,
                host=host,
                page_port=page_port,
                api_port=api_port,
                health_port=health_port,
                data_dir=data_dir,
                ready_file=ready_file,
                browser=browser,
            )
        ).run()
    )


@sim.command("cluster")
def sim_cluster(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks one.")] = 6443,
    control_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of /_sim/*, on loopback.")
    ] = 0,
    nodes: Annotated[int, typer.Option(min=1, max=5000, help="Nodes.")] = 120,
    seed: Annotated[int, typer.Option(help="The same seed makes the same cluster.")] = 1,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="Times real time.")] = 10,
    scenario: Annotated[
        Literal["story", "bad-plan", "guard", "healthy"], typer.Option(help="What happens.")
    ] = "story",
    backend: Annotated[
        Literal["vxlan", "host-gw"], typer.Option(help="flannel's backend.")
    ] = "vxlan",
    direct_routing: Annotated[
        bool, typer.Option("--direct-routing", help="vxlan: plain routes on one link.")
    ] = False,
    write_kubeconfig: Annotated[Path | None, typer.Option(help="Write a kubeconfig.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Write addresses when ready.")] = None,
) -> None:
    """Run the simulated Kubernetes cluster."""
    from bot.sim.cluster import serve

    wanted = serve.ClusterOptions(
        host=host,
        port=port,
        control_port=control_port,
        nodes=nodes,
        seed=seed,
        speed=speed,
        scenario=scenario,
        backend=backend,
        direct_routing=direct_routing,
        write_kubeconfig=write_kubeconfig,
        ready_file=ready_file,
    )
    try:
        _serve(serve.run(wanted))
    except serve.CannotStart as error:
        raise errors.Misconfigured(str(error)) from None


@sim.command("slack")
def sim_slack(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks one.")] = 8765,
    mode: Annotated[Literal["socket", "http"], typer.Option(help="How it calls the bot.")] = (
        "socket"
    ),
    events_url: Annotated[str | None, typer.Option(help="Where it calls, in mode http.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Write addresses when ready.")] = None,
) -> None:
    """Run the simulated Slack with its page."""
    from bot.sim.slack import errors as faults
    from bot.sim.slack import serve

    wanted = serve.SlackOptions(
        host=host, port=port, mode=mode, events_url=events_url, ready_file=ready_file
    )
    try:
        _serve(serve.run(wanted))
    except faults.PortTakenError as error:
        raise errors.Misconfigured(f"--port: {error}") from None
    except faults.StartError as error:
        raise errors.Misconfigured(str(error)) from None


@audit.command("verify")
def audit_verify(config_file: Config = None) -> None:
    """Check the chain of deeds: exit code 0 if nothing in it was changed, 1 if something was."""
    from bot import byhand

    raise typer.Exit(asyncio.run(byhand.verify(config_file)))


@cli.command()
def freeze(
    lasts: Annotated[str, typer.Argument(help="How long, such as 2h or 90m.")],
    reason: Annotated[list[str], typer.Argument(help="Why, told to whoever is refused.")],
    *,
    cluster: Annotated[str, typer.Option("--cluster", help="One cluster; default: all.")] = "",
    config_file: Config = None,
) -> None:
    """Forbid changes for a while. Works without Slack, by the database alone."""
    from bot import byhand

    raise typer.Exit(
        asyncio.run(byhand.freeze(config_file, lasts, " ".join(reason), cluster=cluster))
    )


@cli.command()
def unfreeze(
    *,
    cluster: Annotated[str, typer.Option("--cluster", help="One cluster; default: all.")] = "",
    config_file: Config = None,
) -> None:
    """Lift freezes, whoever set them. Works without Slack, by the database alone."""
    from bot import byhand

    raise typer.Exit(asyncio.run(byhand.unfreeze(config_file, cluster=cluster)))


@cli.command()
def cancel(
    run_name: Annotated[str, typer.Argument(metavar="RUN-n", help="The run to be stopped.")],
    *,
    config_file: Config = None,
) -> None:
    """Stop a run and take back what can be. Works without Slack, by the database alone.

    Whichever process carries the run out sees it within seconds.
    """
    from bot import byhand

    raise typer.Exit(asyncio.run(byhand.cancel(config_file, run_name)))


@db.command("upgrade")
def db_upgrade(config_file: Config = None) -> None:
    """Bring the database to the version of this program."""
    from bot import byhand, configuration

    loaded = configuration.load(config_file, "console")
    sys.stdout.write(asyncio.run(byhand.upgrade(loaded)) + "\n")


@config.command("show")
def config_show(config_file: Config = None) -> None:
    """Print the settings in force, secrets hidden."""
    from bot import configuration

    sys.stdout.write(configuration.shown(configuration.load(config_file, None, quiet=True)))


@slack.command("manifest")
def slack_manifest(
    *,
    mode: Annotated[
        Literal["socket", "http"], typer.Option(help="How Slack reaches the bot.")
    ] = "socket",
    url: Annotated[
        str, typer.Option(help="Mode http: the address at which Slack reaches the bot, https://...")
    ] = "",
) -> None:
    """Print the manifest from which Slack makes the app, as YAML."""
    from bot import configuration
    from bot.adapters.slack import manifest

    if mode == "http" and not url.startswith("https://"):
        raise errors.Misconfigured(
            "--url: mode http needs the https:// address at which Slack reaches the bot"
        )
    if mode == "socket" and url:
        raise errors.Misconfigured("--url: in mode socket Slack needs no address; leave it out")
    made = manifest.manifest(mode, manifest.address(url) if url else "")
    sys.stdout.write(configuration.written(made))


def _serve(running: object) -> None:
    try:
        asyncio.run(running)  # type: ignore[arg-type]
    except OSError as error:
        raise errors.Misconfigured(f"--port: {error}") from None
