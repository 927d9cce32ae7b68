"""How the engine's speed is measured and written down; and that albumentations is never faster."""

import runpy
import warnings

import albumentations as A
import numpy as np
import pytest

from mnist_aug import vectorize
from mnist_aug.augment.batches import ImageByImageWarning
from mnist_aug.errors import UserError
from mnist_aug.experiments.rivals import ENGINE, KERAS, TASKS
from tools import evidence, rivals, speed
from tools.pipelines import Pipeline
from tools.speed import Comparison, Measured

FLIP = Pipeline("flip", "a test", lambda side: [A.HorizontalFlip(p=0.5)])
SMALL, GREY, COLOUR = (2, 8), (28, 28), (32, 32, 3)


def test_both_sides_are_timed_in_each_round():
    images = speed.images(8, GREY)
    compared = speed.compare(FLIP.policy(28), images, SMALL, seconds=0, rounds=3)
    assert set(compared.engine) == set(SMALL)
    for batch in SMALL:
        assert len(compared.ratios(batch)) == len(compared.albumentations) == 3
        assert compared.ratios(batch) == pytest.approx(
            compared.albumentations / compared.engine[batch]
        )
        assert (compared.ratios(batch) > 0).all()
    assert 0.5 < np.median(compared.albumentations) < 500  # microseconds for a flip


def test_the_time_of_a_side_is_that_of_its_work():
    class Slow(A.ImageOnlyTransform):
        def apply(self, image, **params):
            end = speed.time.perf_counter() + 0.001
            while speed.time.perf_counter() < end:
                pass
            return image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImageByImageWarning)
        compared = speed.compare(
            A.Compose([Slow(p=1)]), speed.images(8, GREY), SMALL, seconds=0, rounds=3
        )
    # On a busy machine both take longer, neither less; eight images would take eight times this.
    assert 1000 < compared.albumentations.min() < 8000
    assert 1000 < compared.engine[8].min() < 8000


def test_a_pipeline_is_measured_on_the_images_that_it_fits():
    colour = Pipeline("rgb", "a test", lambda side: [A.RGBShift(p=1)], colour=True)
    both = list(speed.measure([FLIP, colour], [GREY, COLOUR], SMALL, seconds=0))
    assert [set(each.comparisons) for each in both] == [{GREY, COLOUR}, {COLOUR}]
    assert both[0].image_by_image == ""


def test_what_runs_image_by_image_is_named():
    defocus = Pipeline("defocus", "a test", lambda side: [A.Defocus(p=1)])
    (measured,) = speed.measure([defocus], [GREY], SMALL, seconds=0)
    assert measured.image_by_image == "Defocus"


def test_a_pipeline_that_the_engine_refuses_is_kept_with_the_reason():
    smaller = Pipeline("smaller", "a test", lambda side: [A.Resize(side // 2, side // 2)])
    (measured,) = speed.measure([smaller], [GREY], SMALL, seconds=0)
    assert "Resize" in measured.comparisons[GREY]
    assert measured.medians() == {}


def test_grey_images_are_noise_and_digits_in_turn():
    images = speed.images(6, GREY)
    assert images.shape == (6, 28, 28)
    assert images.dtype == np.uint8
    empty = (images == 0).mean((1, 2))
    assert empty[::2].min() > 0.5 > empty[1::2].max()
    assert speed.images(3, COLOUR).shape == (3, 32, 32, 3)


def _measured(name, *ratios, colour=False):
    """A pipeline's measurement with these ratios at 28 x 28 (None: refused) and one at 32 x 32."""
    shapes = [(28, 28), (32, 32, 3)][colour:]
    one = np.ones(3)
    return Measured(
        Pipeline(name, "a test", FLIP.transforms, colour),
        {
            shape: Comparison(one, {32: one / ratio, 1000: one / (2 * ratio)})
            if ratio
            else "Flip is refused"
            for shape, ratio in zip(shapes, ratios, strict=True)
        },
        "",
    )


def test_the_table_begins_with_what_is_refused_and_then_the_slowest(monkeypatch):
    every = [
        _measured("fast", 4, 12),
        _measured("slow", 3, 0.5),
        _measured("colour", 2, colour=True),
        _measured("refused", None, 5),
    ]
    monkeypatch.setattr(evidence.speed, "measure", lambda chosen: iter(every))
    summary, table = (
        [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines()]
        for part in evidence.measure(["pipelines"])["pipelines"].split("\n\n")
    )
    assert [row[0].split("`")[1] for row in table[2:]] == ["refused", "slow", "colour", "fast"]
    assert table[2][1:5] == ["refused", "refused", "5.00", "10"]
    assert table[4][1:5] == ["needs colour", "needs colour", "2.00", "4.00"]
    assert summary[2] == ["28 x 28 grey, 32", "3", "1", "0", "3.00", "3.50", "4.00", "± 0 %"]
    assert summary[4][1:6] == ["4", "0", "1", "0.50", "3.50"]


def test_only_the_tables_asked_for_are_made(monkeypatch):
    for name in evidence.TABLES:
        monkeypatch.setitem(evidence.TABLES, name, lambda name=name: name)
    assert evidence.measure(["speed"]) == {"speed": "speed"}
    assert evidence.measure(["rivals", "agreement"]).keys() == {"rivals", "agreement"}


@pytest.mark.torture
def test_graph_operations_augment_like_the_engine():
    images = np.tile(speed.images(2000, GREY)[1::2], (2, 1, 1))
    graph = rivals.graph_augment(images, 0).numpy().astype(float)
    ours = vectorize(speed.POLICY)(images, (0, 0, 0)).astype(float)
    assert graph.mean() == pytest.approx(ours.mean(), rel=0.01)
    assert np.abs(graph.mean(0) - ours.mean(0)).max() < 6
    assert np.abs(graph.std(0) - ours.std(0)).max() < 6


def test_the_table_of_libraries_begins_with_the_fastest(monkeypatch):
    ours, theirs = np.array([300.0, 400.0, 500.0]), np.array([100.0, 100.0, 90.0])
    one = {("mixup:0.2", KERAS): theirs, ("affine", KERAS): theirs, ("affine", ENGINE): ours}
    one["mixup:0.2", ENGINE] = theirs / 4
    monkeypatch.setattr(rivals, "measure", lambda: (one, {key: 2 * one[key] for key in one}))
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in evidence.measure(["rivals"])["rivals"].split("\n\n")[0].splitlines()[2:]
    ]
    assert [row[:2] for row in rows] == [
        ["affine", ENGINE],
        ["affine", KERAS],
        ["mixup:0.2", KERAS],
        ["mixup:0.2", ENGINE],
    ]
    assert rows[1][2:] == ["per image", "100", "4.00", "200", "4.00"]
    assert rows[2][2:] == [
        "per image, the other image from the batch",
        *("100", "0.25", "200", "0.25"),
    ]


@pytest.mark.torture
def test_no_pipeline_is_slower_than_albumentations_and_most_grey_ones_thrice_as_fast():
    slow, grey = {}, []
    for measured in speed.measure():
        grey += [ratio for (shape, _), ratio in measured.medians().items() if shape == GREY]
        refused = [c for c in measured.comparisons.values() if isinstance(c, str)]
        below = {key: ratio for key, ratio in measured.medians().items() if ratio < 1}
        if refused or below:
            # Other work on the machine can slow one side down: measured once more, for longer.
            (again,) = speed.measure([measured.pipeline], seconds=8)
            below = {key: ratio for key, ratio in again.medians().items() if ratio < 1}
        if refused or below:
            slow[measured.pipeline.name] = refused or below
    assert not slow
    assert np.median(grey) >= 3


@pytest.mark.torture
def test_every_library_is_measured_on_one_core_and_on_all():
    one, every = rivals.measure(rounds=2)
    assert one.keys() == every.keys()
    assert {name for _, name in one} >= {ENGINE, KERAS, rivals.GRAPH}
    assert {task for task, _ in one} == set(TASKS)
    for rates in (*one.values(), *every.values()):
        assert rates.shape == (2,)
        assert (rates > 0).all()
    # Two cores do not do less than one, but for noise.
    for key in one:
        assert np.median(every[key]) > 0.7 * np.median(one[key])


def test_an_unknown_pipeline_or_table_is_refused_in_one_line(monkeypatch, capsys):
    for arguments in (["--only", "nothing"], ["--pipelines", "nothing"]):
        monkeypatch.setattr("sys.argv", ["engine_tables", *arguments])
        with pytest.raises((SystemExit, UserError)):
            runpy.run_module("tools.engine_tables", run_name="__main__")
        assert "nothing" in capsys.readouterr().err
