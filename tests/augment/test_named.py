"""Published policies: their operations, probabilities and magnitudes, and what they draw."""

import itertools
import math
import warnings

import albumentations as A
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats

from mnist_aug.augment import named, policy, saved
from mnist_aug.augment.batches import ImageByImageWarning
from mnist_aug.augment.engine import structure
from mnist_aug.augment.engine.draws import image_keys
from mnist_aug.augment.vectorize import vectorize
from mnist_aug.errors import UserError

PUBLISHED = (
    "autoaugment-svhn",
    "rand-m6-n2",
    "rand-m10-n3",
    "rand-m0-n1",
    "cutout",
    "cutout:0.3",
    "random-erasing",
)


def engine_of(made):
    """The engine of a pipeline, of which every transform has to be vectorised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ImageByImageWarning)
        return vectorize(made)


def augmented(t, images):
    return engine_of(A.Compose([t]))(images, (0, 0, 0))


def counted(made, images, monkeypatch):
    """How many of `images` each transform of a pipeline is done to, by `id`, and their order."""
    found, order = {}, []
    for kind in (structure.Pixels, structure.Geometry, structure.Size):

        def apply(self, batch, stack, places, rows, forced, kind=kind, plain=kind.apply):
            found[id(self.transform)] = found.get(id(self.transform), 0) + len(rows)
            order.append((self.transform, rows))
            plain(self, batch, stack, places, rows, forced)

        monkeypatch.setattr(kind, "apply", apply)
    left_over = []
    root = structure.build(made, 1, left_over)
    assert not left_over
    shape = (images, 6, 6, 1)
    blank = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    batch = structure.Batch(blank, image_keys(0, 0, np.arange(images)))
    root.run(batch, None, False)
    batch.finish()
    return found, order


def leaves(t):
    """The transforms of a composition, but for those that do nothing."""
    if isinstance(t, A.BaseCompose):
        return [leaf for part in t.transforms for leaf in leaves(part)]
    return [] if isinstance(t, A.NoOp) else [t]


MORE = pytest.mark.torture


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "side", [8, 28, *(pytest.param(side, marks=MORE) for side in (15, 64, 256))]
)
@pytest.mark.parametrize("fill", [0, pytest.param(255, marks=MORE), (250, 240, 20)])
@pytest.mark.parametrize("name", PUBLISHED)
def test_all_sizes_and_backgrounds_are_vectorised(name, side, fill):
    made = policy.load(name, side, fill).pipeline
    engine = engine_of(made)
    shape = (side, side, 3) if isinstance(fill, tuple) else (side, side)
    engine.check(shape)
    images = np.random.default_rng(0).integers(0, 256, (4, *shape), dtype=np.uint8)
    assert engine(images, (0, 0, 0)).shape == images.shape
    assert saved.as_data(saved.built(saved.as_data(made))) == saved.as_data(made)


@pytest.mark.parametrize("name", PUBLISHED)
def test_images_may_be_oblong_and_floats(name):
    images = np.random.default_rng(0).random((30, 24, 40), dtype=np.float32)
    made = engine_of(policy.load(name, 24).pipeline)(images, (0, 0, 0))
    assert made.shape == images.shape
    assert 0 <= made.min() <= made.max() <= 1


# ------------------------------------------------------------------------------- AutoAugment

SVHN = """
ShearX 9 4 Invert 2 -, ShearY 9 8 Invert 7 -, Equalize 6 - Solarize 6 6, Invert 9 - Equalize 6 -,
Equalize 6 - Rotate 9 3, ShearX 9 4 AutoContrast 8 -, ShearY 9 8 Invert 4 -, ShearY 9 5 Solarize 2 6,
Invert 9 - AutoContrast 8 -, Equalize 6 - Rotate 9 3, ShearX 9 4 Solarize 3 3, ShearY 8 8 Invert 7 -,
Equalize 9 - TranslateY 6 6, Invert 9 - Equalize 6 -, Contrast 3 3 Rotate 8 4, Invert 8 - TranslateY 0 2,
ShearY 7 6 Solarize 4 8, Invert 6 - Rotate 8 4, ShearY 3 7 TranslateX 9 3, ShearX 1 6 Invert 6 -,
Solarize 7 2 TranslateY 6 7, ShearY 8 4 Invert 8 -, ShearX 7 9 TranslateY 8 3,
ShearY 8 5 AutoContrast 7 -, ShearX 7 2 Invert 1 -
"""  # noqa: E501  operation, probability in tenths, magnitude

KINDS = {"AutoContrast": A.AutoContrast, "Equalize": A.Equalize, "Invert": A.InvertImg}


def assert_is(t, name, share):
    """That a transform or composition is the operation of that magnitude, both ways if it has."""
    if name in KINDS:
        assert type(t) is KINDS[name]
        return
    if name == "Solarize":
        assert np.array(t.threshold_range) * 255 == pytest.approx([256 * (1 - share)] * 2)
        return
    values = []
    for one in t.transforms:
        if isinstance(one, A.Affine):
            shift = one.translate_percent or {"x": (0, 0), "y": (0, 0)}
            found = {
                "Rotate": one.rotate,
                **{f"Shear{axis.upper()}": one.shear[axis] for axis in "xy"},
                **{f"Translate{axis.upper()}": shift[axis] for axis in "xy"},
            }
            low, high = found.pop(name)
            assert not any(map(any, found.values()))
        else:
            found = {
                "Contrast": one.contrast,
                "Brightness": one.brightness,
                "Color": one.saturation,
            }
            low, high = found.pop(name)
            assert {*found.values()} == {(1, 1)}
            assert one.hue == (0, 0)
        assert low == high
        values.append(low)
    largest = {"Rotate": 30, "Shear": 0.3, "Translate": 150 / 331}.get(name.rstrip("XY"), 0.9)
    if name.startswith("Shear"):
        values = np.tan(np.radians(values))
    elif name in ("Contrast", "Brightness", "Color"):
        values = np.array(values) - 1
    assert sorted(values) == pytest.approx([-largest * share, largest * share], abs=1e-6)


def test_autoaugment_has_the_published_magnitudes_and_probabilities(monkeypatch):
    """Of 25 pairs, each as often as the others, and of each operation in them."""
    made, images = named.autoaugment_svhn(), 40_000
    pairs = [t.transforms for t in made.transforms[0].transforms]
    found, order = counted(made, images, monkeypatch)
    published = [pair.split() for pair in SVHN.split(",")]
    assert len(pairs) == len(published) == 25
    squares = []
    for pair, words in zip(pairs, published, strict=True):
        assert len(pair) == 2
        for t, (name, tenths, level) in zip(pair, (words[:3], words[3:]), strict=True):
            assert_is(t, name, 0 if level == "-" else int(level) / 9)
            chance = int(tenths) / 10 / 25
            counts = [found.get(id(leaf), 0) for leaf in leaves(t)]
            if chance == 0:
                assert sum(counts) == 0
                continue
            squares.append((sum(counts) - images * chance) ** 2 / (images * chance * (1 - chance)))
            if len(counts) == 2:  # either way as often
                squares.append((counts[0] - counts[1]) ** 2 / sum(counts))
    assert 0.005 < stats.chi2.sf(sum(squares), len(squares)) < 0.995
    # The operations of a pair are drawn independently: both of the first are done by 0.9 x 0.2.
    first, second = ({id(leaf) for leaf in leaves(t)} for t in pairs[0])
    done = [
        np.concatenate([rows for t, rows in order if id(t) in those]) for those in (first, second)
    ]
    both = len(np.intersect1d(*done))
    assert both == pytest.approx(images / 25 * 0.9 * 0.2, abs=3 * math.sqrt(images / 25 * 0.15))


# ------------------------------------------------------------------------------- RandAugment


@pytest.mark.parametrize("magnitude", [2.5, 6, 10])
def test_rand_augment_has_the_papers_operations(magnitude):
    (t,) = named.pipeline(f"rand-m{magnitude}-n2").transforms
    operations = dict(zip(named.OPERATIONS, t.transforms, strict=True))
    assert (type(t), t.n, t.replace, t.p, len(operations)) == (A.RandomOrder, 2, True, 1, 14)
    assert {one.p for one in t.transforms} == {1}
    assert type(operations.pop("Identity")) is A.NoOp
    assert operations.pop("Posterize").num_bits == (8 - round(0.4 * magnitude),) * 2
    strong, weak = operations.pop("Sharpness").transforms
    assert 13 * np.array(strong.alpha) == pytest.approx([0.09 * magnitude] * 2)
    # The blurring by Pillow gives a pixel itself so much, and its eight neighbours the rest.
    own = 1 - 0.09 * magnitude * 8 / 13
    edge = math.exp(-0.5 / weak.sigma_limit[0] ** 2)
    assert (1 / (1 + 2 * edge)) ** 2 == pytest.approx(own, abs=1e-5)
    for name, one in operations.items():
        assert_is(one, name, magnitude / 10)


def test_rand_augment_draws_uniformly_in_any_order(monkeypatch):
    images = 8000
    (t,) = named.pipeline("rand-m6-n2").transforms
    found, order = counted(A.Compose([t]), images, monkeypatch)
    counts = [sum(found[id(leaf)] for leaf in leaves(one)) for one in t.transforms[1:]]
    counts = [2 * images - sum(counts), *counts]
    assert stats.chisquare(counts).pvalue > 0.01
    ways = [[found[id(leaf)] for leaf in leaves(one)] for one in t.transforms]
    assert all(abs(np.diff(two)[0]) < 4 * math.sqrt(sum(two)) for two in ways if len(two) == 2)
    done = [[] for _ in range(images)]
    for one, rows in order:
        for row in rows:
            done[row].append(type(one))
    pairs = [tuple(two) for two in done if {*two} == {A.Solarize, A.Equalize}]
    first = pairs.count((A.Solarize, A.Equalize))
    assert 0.25 < first / len(pairs) < 0.75
    assert [A.Solarize] * 2 in done  # with replacement


@pytest.mark.one_in(3)
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("name", [*named.OPERATIONS, "Invert"])
def test_no_magnitude_is_no_change(name, channels):
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28, *channels), dtype=np.uint8)
    images[:, 0, :2] = [[0] * 3, [255] * 3] if channels else [0, 255]  # no more contrast
    images[0] = 255
    same = np.array_equal(augmented(named.operation(name, 0), images), images)
    assert same == (name not in ("Equalize", "Invert"))


@pytest.mark.parametrize("name", ["rand-n2-m6", "rand-m6.0-n2", "rand-m6-n2-inc1-p1.0", "rand-m6"])
def test_timms_words_that_say_what_is_so(name):
    assert saved.as_data(named.pipeline(name)) == saved.as_data(named.pipeline("rand-m6-n2"))


# ------------------------------------------------------------------------- names and parameters


def test_names_have_parameters():
    for name, same in (
        ("cutout", "cutout:0.5"),
        ("random-erasing", "random-erasing:.5"),
        ("rand-m10-n2", "rand-n2"),
        ("rand-m10-n2", "rand"),
    ):
        assert saved.as_data(named.pipeline(name)) == saved.as_data(named.pipeline(same))
    assert named.pipeline("random-erasing:0.2").transforms[0].p == 0.2
    assert named.pipeline("cutout:0.25").transforms[1].hole_width_range == (7, 7)
    for other in ("strong", "default:2", "rand-m6.yaml", "mine.json", "mixup:0.2", ""):
        assert named.pipeline(other) is None


UNKNOWN = (
    "is not understood: only the magnitude, m0 to m10, and the number of operations, n1 to n10, "
    "can be set: write rand-m6-n2"
)
BEYOND = (
    "the magnitude must be from m0 to m10, the number of operations from n1 to n10: write "
    "rand-m6-n2"
)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rand-m9-mstd0.5-inc1", f"'mstd0.5' {UNKNOWN}"),
        ("rand-m9-inc0", f"'inc0' {UNKNOWN}"),
        ("rand-m6-n2-w0", f"'w0' {UNKNOWN}"),
        ("rand-", f"'' {UNKNOWN}"),
        ("rand-m6-n", f"'n' {UNKNOWN}"),
        ("rand-m11-n2", BEYOND),
        ("rand-m6-n0", BEYOND),
        ("rand-m6-n2.5", BEYOND),
        ("rand-m6-n11", BEYOND),
        ("cutout:1.5", "the square's side must be from 0.05 to 1: write cutout:0.5"),
        ("cutout:0", "the square's side must be from 0.05 to 1: write cutout:0.5"),
        ("cutout:", "the square's side must be from 0.05 to 1: write cutout:0.5"),
        ("cutout:nan", "the square's side must be from 0.05 to 1: write cutout:0.5"),
        ("random-erasing:2", "the probability must be from 0.01 to 1: write random-erasing:0.5"),
        ("random-erasing:-1", "the probability must be from 0.01 to 1: write random-erasing:0.5"),
    ],
)
def test_wrong_parameters(name, words):
    with pytest.raises(UserError) as error:
        named.pipeline(name)
    assert str(error.value) == f"policy {name!r}: {words}"


# ------------------------------------------------------------------------------------- Pillow


def pictures(*channels):
    """Rings, noise, few levels and single colours: [40, 28, 28, *channels]."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28, *channels), dtype=np.uint8)
    y, x = np.mgrid[:28, :28] - 13.5
    for i in range(0, 40, 3):
        ring = np.clip(300 - np.abs(np.hypot(y, x) - 8) * (60 + i), 0, 255)
        images[i] = ring.reshape(28, 28, *(1 for _ in channels))
    images[3::6] = 255 - images[3::6]
    images[1::6] = images[1::6] // 50 * 50
    images[2], images[5] = 7, 255
    return images


def by_pillow(change, images):
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in images])


@pytest.mark.one_in(3)
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("Equalize", ImageOps.equalize),
        ("Invert", ImageOps.invert),
        *(
            (("Solarize", share), lambda i, share=share: ImageOps.solarize(i, 256 * (1 - share)))
            for share in (0.01, 0.1, 2 / 9, 0.25, 1 / 3, 0.5, 0.6, 2 / 3, 0.75, 8 / 9, 1)
        ),
        *(
            (("Posterize", share), lambda i, share=share: ImageOps.posterize(i, 8 - int(4 * share)))
            for share in (0.25, 0.5, 0.75, 1)
        ),
        *(
            (
                ("Brightness", (factor - 1) / 0.9),
                lambda i, factor=factor: ImageEnhance.Brightness(i).enhance(factor),
            )
            for factor in (0.1, 0.46, 0.7, 1.3, 1.54, 1.9)
        ),
    ],
)  # fmt: skip
def test_bytes_are_those_of_pillow(name, theirs, channels):
    if isinstance(name, tuple) and name[0] == "Brightness":
        t = named._one_way(*name)
    else:
        t = named.operation(*([name, 1] if isinstance(name, str) else name))
    images = pictures(*channels)
    assert np.array_equal(augmented(t, images), by_pillow(theirs, images))


@pytest.mark.one_in(3)
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("factor", [0.1, 0.46, 0.7, 1, 1.3, 1.54, 1.9])
@pytest.mark.parametrize(
    ("name", "most"), [("Contrast", 1), ("Color", 2), ("AutoContrast", 1), ("Sharpness", 1)]
)
def test_rounding_is_all_that_differs_from_pillow(name, most, factor, channels):
    """Pillow cuts to whole levels where 2.0.8 rounds, and rounds the mean grey before."""
    if name == "Sharpness" and factor < 1:
        pytest.skip("a Gaussian, as 2.0.8 has no such kernel")
    images = pictures(*channels)
    if name == "AutoContrast":
        t, change = named.operation(name, 1), ImageOps.autocontrast
    else:
        t = named._one_way(name, (factor - 1) / 0.9)

        def change(image):
            return getattr(ImageEnhance, name)(image).enhance(factor)

    away = augmented(t, images).astype(int) - by_pillow(change, images)
    if name == "Sharpness":  # Pillow leaves a border of one pixel as it is
        away = away[:, 1:-1, 1:-1]
    assert np.abs(away).max() <= most
    if not channels and name == "Color":
        assert not away.any()


def test_softer_edges_are_nearly_those_of_pillow():
    """Sharpness below 1: within 4 levels on edges as those of strokes, with the same sum."""
    images = pictures()[0::6]
    ours = augmented(named._one_way("Sharpness", -1), images).astype(int)
    theirs = by_pillow(lambda i: ImageEnhance.Sharpness(i).enhance(0.1), images).astype(int)
    away = (ours - theirs)[:, 1:-1, 1:-1]
    assert np.abs(away).mean() < 2
    assert np.abs(away).max() < 20
    assert np.abs((images - theirs)[:, 1:-1, 1:-1]).mean() > 3 * np.abs(away).mean()


def test_shear_and_shift_move_rows_by_the_published_shares():
    ramp = np.tile(np.arange(0, 252, 9, dtype=np.uint8), (28, 1))[None]
    rows = np.arange(28) - 13.5
    for sign in (1, -1):
        sheared = augmented(named._one_way("ShearX", sign), ramp)[0, :, 10:18].astype(float)
        moved = (sheared - ramp[0, :, 10:18]) / 9
        slope = np.polyfit(rows, moved.mean(1), 1)
        assert abs(slope[0]) == pytest.approx(0.3, abs=0.005)
        assert slope[1] == pytest.approx(0, abs=0.06)
        upright = ramp.transpose(0, 2, 1)
        shifted = augmented(named._one_way("TranslateY", sign / 10), upright)[0, 5:-5]
        moved = (upright[0, 5:-5].astype(float) - shifted) / 9
        assert moved == pytest.approx(sign * 28 * 15 / 331, abs=0.06)


# ------------------------------------------------------------------------- cutout and erasing


@pytest.mark.parametrize(
    ("name", "side", "length", "fill"),
    [
        ("cutout", 28, 14, 0),
        ("cutout:0.25", 28, 7, 0),
        ("cutout", 64, 32, 255),
        ("cutout", 30, 15, 9),
    ],
)
def test_what_is_left_of_a_square_after_clipping(name, side, length, fill):
    """One square, centred anywhere in the image, edges included, independently by row and column.

    For an even length centres lie between pixels, side + 1 of them; for an odd one on pixels.
    """
    count = 6000
    images = np.full((count, side, side), 100, np.uint8)
    made = engine_of(policy.load(name, side, fill).pipeline)(images, (0, 0, 0))
    assert {*np.unique(made)} == {fill, 100}
    hole = made == fill
    starts = np.arange(-(length // 2), side - length // 2 + 1 - length % 2)
    expected = np.zeros((side + 1, side + 1))
    for start in starts:
        expected[max(start, 0), min(start + length, side)] += 1 / len(starts)
    assert expected.sum() == pytest.approx(1)
    found = []
    for along in (1, 2):
        line = hole.any(axis=along)
        first, last = line.argmax(1), side - line[:, ::-1].argmax(1)
        found.append((first, last))
        counts = np.zeros_like(expected)
        np.add.at(counts, (first, last), 1)
        assert not counts[expected == 0].any()
        where = expected > 0
        assert stats.chisquare(counts[where], count * expected[where]).pvalue > 0.01
    areas = np.prod([last - first for first, last in found], axis=0)
    assert np.array_equal(areas, hole.sum((1, 2)))  # all of the square is cut out
    assert abs(np.corrcoef(found[0][0], found[1][0])[0, 1]) < 0.05
    mean = (expected * np.subtract.outer(-np.arange(side + 1), -np.arange(side + 1))).sum()
    assert areas.mean() == pytest.approx(mean**2, rel=0.02)


@pytest.mark.parametrize("side", [8, 15, 28, 57, 256])
def test_squares_are_the_same_share_of_any_side(side):
    images = np.ones((500 if side == 256 else 4000, side, side), np.uint8)
    made = engine_of(policy.load("cutout", side).pipeline)(images, (0, 0, 0))
    # By row and column, half of the side less a quarter of half of it, which is clipped.
    assert (made == 0).mean() == pytest.approx(0.4375**2, rel=0.1 if side < 28 else 0.06)


def published_boxes(count, height, width, rng):
    """Heights and widths by the published code of random erasing, of those that fit."""
    area = rng.uniform(0.02, 0.4, 4 * count) * height * width
    aspect = rng.uniform(0.3, 1 / 0.3, 4 * count)
    tall, wide = np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))
    fits = (tall < height) & (wide < width)
    return tall[fits][:count], wide[fits][:count]


def test_erased_boxes_are_distributed_as_in_the_published_code():
    count, side = 6000, 200
    engine = engine_of(named.random_erasing(1))
    batch = structure.Batch(
        np.zeros((count, side, side, 1), np.uint8), image_keys(0, 0, np.arange(count))
    )
    batch.log = []
    engine._root.run(batch, None, False)
    boxes = np.concatenate([drawn["holes"][:, 0] for _, _, drawn in batch.log])
    assert len(boxes) == count
    wide, tall = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    # `A.Erasing` draws width by height where the paper draws height by width.
    theirs = published_boxes(count, side, side, np.random.default_rng(0))[::-1]
    for measure in (lambda h, w: h * w, lambda h, w: h / w, lambda h, w: h, lambda h, w: w):
        assert stats.ks_2samp(measure(tall, wide), measure(*theirs)).pvalue > 0.01
    # Anywhere that they fit.
    for first, size in ((boxes[:, 0], wide), (boxes[:, 1], tall)):
        inside = size < side
        share = (first + 0.5)[inside] / (side - size + 1)[inside]
        assert stats.kstest(share, "uniform").pvalue > 0.01
    assert boxes.min() >= 0
    assert boxes.max() <= side
    assert ((wide * tall) / side**2 > 0.3).mean() == pytest.approx(0.229, abs=0.02)


@pytest.mark.parametrize(("name", "chance"), [("random-erasing", 0.5), ("random-erasing:0.2", 0.2)])
def test_erased_as_often_as_said_by_noise(name, chance):
    images = np.full((3000, 28, 28), 77, np.uint8)
    made = engine_of(policy.load(name).pipeline)(images, (0, 0, 0))
    changed = (made != images).any((1, 2))
    assert changed.mean() == pytest.approx(chance, abs=0.03)
    values = made[made != 77]
    assert stats.kstest(values + 0.5, stats.uniform(0, 256).cdf).statistic < 0.01
    assert (made[changed] != 77).mean() > 0.1


# -------------------------------------------------------------------------------------- AugMix


def test_augmix_has_operations_at_the_published_levels():
    contrast, equal, bits, sun = named.augmix_operations(3)
    assert (type(contrast), contrast.method, contrast.cutoff) == (A.AutoContrast, "pil", 0)
    assert (type(equal), equal.mode) == (A.Equalize, "pil")
    # uniform(0.1, 3) is at least 2.5, where 4 - int(level * 4 / 10) becomes 3, by 0.5 / 2.9.
    assert [t.num_bits for t in bits.transforms] == [(4, 4), (3, 3)]
    assert bits.transforms_ps == pytest.approx([2.4 / 2.9, 0.5 / 2.9], abs=1e-5)
    assert np.array(sun.threshold_range) * 255 == pytest.approx([256 - 76.8, 256 - 2.56])
    assert {t.p for t in (contrast, equal, bits, sun)} == {1}


@pytest.mark.parametrize("severity", [1, 2.5, 3, 7.6, 10])
def test_posterizing_in_augmix_is_as_often_as_published(severity):
    bits = named.augmix_operations(severity)[2]
    levels = np.random.default_rng(0).uniform(0.1, severity, 100_000)
    kept, times = np.unique(4 - (levels * 4 / 10).astype(int), return_counts=True)
    ours = {t.num_bits[0]: p for t, p in zip(bits.transforms, bits.transforms_ps, strict=True)}
    assert ours == pytest.approx(dict(zip(kept, times / 100_000, strict=True)), abs=0.006)


def test_solarizing_in_augmix_inverts_what_the_published_code_does():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for level in np.random.default_rng(0).uniform(0.1, 10, 50):
        threshold = (256 - 25.6 * level) / 255
        ours = augmented(A.Solarize((threshold, threshold), p=1), ramp)
        theirs = by_pillow(lambda i, t=256 - int(level * 25.6): ImageOps.solarize(i, t), ramp)
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("severity", [0.5, 11])
def test_severities_of_augmix(severity):
    with pytest.raises(UserError) as error:
        named.augmix_operations(severity)
    assert str(error.value) == f"AugMix: severity {severity} is not from 1 to 10: write augmix:3"


# --------------------------------------------------------------------------------- backgrounds


@pytest.mark.parametrize(
    ("side", "padded", "hole"), [(28, 7, 14), (30, 7, 15), (8, 2, 4), (64, 16, 32)]
)
def test_lengths_of_cutout_follow_the_side(side, padded, hole):
    pad, square, crop = policy.load("cutout", side, 255).pipeline.transforms
    assert (pad.px, crop.px) == (padded, -padded)
    assert square.hole_height_range == square.hole_width_range == (hole, hole)
    assert square.fill == 255


def test_gaps_have_the_background_and_levels_are_changed_as_they_are():
    """On white paper as on black: what is inverted is all, and what moves in is the background."""
    inverted = policy.fitted(A.Compose([named.operation("Invert", 1)]), 28, 255)
    paper = np.full((1, 28, 28), 255, np.uint8)
    assert not augmented(inverted, paper).any()
    for name, share in itertools.product(("Rotate", "ShearX", "TranslateY"), (0.5, 1)):
        made = policy.fitted(A.Compose([named.operation(name, share)]), 28, 255)
        assert (augmented(made, paper) == 255).all()
