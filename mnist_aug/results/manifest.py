"""What a run's `manifest.json` and a search's `<arm>.json` must say."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

Count = Annotated[int, Field(ge=0, le=2**53)]  # what a float holds exactly
Positive = Annotated[int, Field(ge=1, le=2**53)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    """Further keys are allowed; a number is no text, and a truth value no number."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Dataset(_Part):
    name: str
    origin: str
    sha256: str
    train: Positive
    validation: Count
    test: Positive
    image_shape: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    classes: Positive


class _Policy(_Part):
    name: str
    pipeline: dict[str, JsonValue]


class _Later(_Part):
    after: float
    policy: _Policy


class _Variant(_Part):
    name: str
    layers: list[Positive]
    optimizer: str
    epochs: Positive
    policy: _Policy | None = None
    later_policies: list[_Later] = []
    training_images: Positive | None = None


class _Sources(_Part):
    training: str
    augmentation: str | None = None


class _Git(_Part):
    commit: str | None = None
    dirty: bool | None = None


class _Manifest(_Part):
    variant: _Variant
    parameters: Positive
    seed: Count
    dataset: _Dataset
    sources_sha256: _Sources | None = None
    git: _Git
    versions: dict[str, str]
    device: dict[str, str | int | float | None]
    command: str
    seconds: Annotated[float, Field(gt=0)]
    images_per_second: Annotated[float, Field(ge=0)]
    started: str = ""


class _Changed(_Part):
    model_config = ConfigDict(extra="forbid")

    # Each may be left out; what stands for it here is not used.
    learning_rate: Annotated[float, Field(gt=0)] = 1.0
    schedule: Literal["constant", "cosine"] = "constant"
    layers: list[Positive] = []
    policy: Annotated[str, Field(pattern=r"^[^/\\]+$")] = "none"  # a file beside


class _Search(_Part):
    changed: _Changed
    trial: Count
    validation: Share
    scores: Annotated[list[Share], Field(min_length=1)]
    first_seed: Count
    trials: Positive
    pruned: Count
    arm: dict[str, JsonValue]
    searched: list[str]
    seeds: Positive
    epochs: Positive
    dataset: str
    git: _Git
    versions: dict[str, str]
    device: dict[str, str | int | float | None]
    command: str
    written: str


def fault(manifest: dict) -> str | None:
    """What is wrong with a manifest, in words: what it lacks, or what is of the wrong kind."""
    return _fault(_Manifest, manifest)


def search_fault(about: dict) -> str | None:
    """As `fault`, of what a search found."""
    return _fault(_Search, about)


def _fault(kind: type[_Part], data: dict) -> str | None:
    try:
        kind.model_validate(data)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        lacking = [_place(one) for one in faults if one["type"] == "missing"]
        if lacking:
            return f"lacks {', '.join(lacking)}"
        return f"has a wrong {_place(faults[0])} ({faults[0]['msg']})"
    return None


def _place(one: dict) -> str:
    return ".".join(map(str, one["loc"]))
