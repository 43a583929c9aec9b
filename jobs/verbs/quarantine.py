"""List the scenes that could not be worked on, and try them again.

Exit codes: 0 done; 2 the config or the command is wrong, or there is no such scene in quarantine; 130
interrupted; 1 anything else. With `replay --now` those of `sgddiff run`.
"""

from __future__ import annotations

import argparse

from jobs.exits import Exit
from jobs.flags import (
    TO_STDOUT,
    add_config,
    add_json,
    add_output,
    add_verbose,
    level_of,
    output_of,
    write_json,
)
from jobs.logs import start_log
from jobs.network import network_of
from jobs.printing import PrintedRun, print_quarantine
from sgddiff_batch.config import ArchiveJobConfig
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.runs import Quarantine, Scope, leased_bench, open_ledger, read_quarantine, run_all

EXAMPLES = (
    "sgddiff quarantine list s3://my-bucket/saliency/",
    "sgddiff quarantine replay --config archive.yaml --all --now",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what can be done with the quarantine, each with its flags."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="the scenes in quarantine, as a table")
    add_output(listing)
    add_json(listing)
    show = actions.add_parser("show", help="all that is known of one, as JSON")
    show.add_argument("scene", metavar="SCENE_ID")
    replay = actions.add_parser("replay", help="try scenes again in the next run")
    replay.add_argument("scenes", nargs="*", metavar="SCENE_ID")
    replay.add_argument("--all", action="store_true", help="all scenes in quarantine")
    replay.add_argument("--now", action="store_true", help="run the job for just these now; needs --config")
    for one in (show, replay):
        one.add_argument("--output", metavar="URI", help="output.uri of the runs, where no --config is given")
        add_config(one, required=False, why="says where the output is, too")
    for one in (listing, show, replay):
        add_verbose(one)


def run(options: argparse.Namespace) -> Exit:
    """Do what the command line asks."""
    start_log(level_of(options))
    output, config = output_of(options)
    quarantine = read_quarantine(open_ledger(output, is_used=config is None))
    if options.action == "replay":
        return _replay(options, config, quarantine)
    if options.action == "show":
        write_json(quarantine.all_facts(quarantine.find(options.scene)), TO_STDOUT)
        return Exit.DONE
    if options.json:
        write_json(list(map(quarantine.facts, quarantine.scenes())), options.json)
    if options.json != TO_STDOUT:
        print_quarantine(quarantine)
    return Exit.DONE


def _replay(options: argparse.Namespace, config: ArchiveJobConfig | None, quarantine: Quarantine) -> Exit:
    if options.all == bool(options.scenes):
        raise ConfigError("replay: give the ids of scenes in quarantine, or --all")
    if options.now and config is None:
        raise ConfigError("replay --now: give --config, by which the job is run")
    found = quarantine.scenes() if options.all else map(quarantine.find, options.scenes)
    chosen = {record.scene_id: record for record in found}
    quarantine.mark(chosen.values())
    if not options.now or config is None:
        print(f"{len(chosen)} scenes will be tried again by the next run")
        return Exit.DONE
    if not chosen:
        print("no scene is in quarantine; nothing was run")
        return Exit.DONE
    with leased_bench(config, network_of(config)) as bench:
        return Exit[run_all(bench, PrintedRun(), Scope(only=frozenset(chosen))).name]
