"""Mixed images and labels: what is drawn, by whom, and that pixels and labels say the same."""

import albumentations as A
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from mnist_aug import vectorize
from mnist_aug.augment import policy
from mnist_aug.augment.engine.draws import Draws, image_keys
from mnist_aug.augment.mixing import Mixer
from mnist_aug.errors import UserError

COUNT = 20_000
ALL = [
    "mixup:0.2",
    "cutmix",
    "mixup+cutmix",
    "affine+mixup:0.4",
    "label-smoothing:0.1",
    "augmix",
    "default+augmix:2+cutmix:0.5+label-smoothing",
    "rand-m6-n2+random-erasing+mixup",
]


def some_images(count=64, shape=(12, 10), classes=5):
    random = np.random.default_rng(3)
    images = random.integers(0, 256, (count, *shape), dtype=np.uint8)
    return images, random.integers(0, classes, count).astype(np.int32)


def mixer(name, count=64, shape=(12, 10), classes=5):
    images, labels = some_images(count, shape, classes)
    return Mixer(policy.load(name, min(shape[:2])), images, labels, classes), images, labels


def drawn(name, shape=(28, 28)):
    """What many images draw: partners, boxes, weights of their own labels."""
    many = np.zeros((COUNT, *shape), np.uint8)
    made = Mixer(policy.load(name), many, np.zeros(COUNT, np.int32), 2)
    return made.draw((1, 2), np.arange(COUNT))


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.5, 1.0, 3.0, 40.0])
def test_weights_are_beta_and_dirichlet(alpha):
    draws = Draws(image_keys(0, 0, np.arange(COUNT)), 5)
    ours = draws.betas(alpha)
    # Of small alpha many weights are within a float's precision of 1, where no test can tell them.
    inside = ours < 1 - 1e-9
    assert abs(inside.mean() - stats.beta(alpha, alpha).cdf(1 - 1e-9)) < 0.01
    assert (
        stats.kstest(ours[ours < 0.5], lambda x: 2 * stats.beta(alpha, alpha).cdf(x)).pvalue > 1e-3
    )
    three = draws.dirichlets(alpha, 3)
    np.testing.assert_allclose(three.sum(axis=1), 1, rtol=1e-12)
    margin = stats.beta(alpha, 2 * alpha)
    for column in three.T:
        low = column[column < 0.5]
        assert stats.kstest(low, lambda x: margin.cdf(x) / margin.cdf(0.5)).pvalue > 1e-3
    # A Dirichlet's parts are correlated by -1/2, and those of independent variates are not.
    assert np.corrcoef(three[:, 0], three[:, 1])[0, 1] == pytest.approx(-0.5, abs=0.03)


def test_mixup_draws_a_weight_for_every_image_and_any_partner():
    partners, boxes, weights = drawn("mixup:0.2")
    assert not boxes.any()
    below = weights[weights < 0.5]
    assert stats.kstest(below, lambda x: 2 * stats.beta(0.2, 0.2).cdf(x)).pvalue > 1e-3
    assert stats.kstest(partners / COUNT, "uniform").pvalue > 1e-3
    assert partners.min() >= 0
    assert partners.max() < COUNT
    assert abs(np.corrcoef(partners, np.arange(COUNT))[0, 1]) < 0.03
    assert abs(np.corrcoef(partners, weights)[0, 1]) < 0.03


def published_boxes(count, height, width, seed):
    """`rand_bbox` of CutMix's published code, with Beta(1, 1)."""
    random = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        ratio = np.sqrt(1 - random.beta(1, 1))
        cut_w, cut_h = int(width * ratio), int(height * ratio)
        x, y = random.integers(width), random.integers(height)
        left, right = np.clip(x - cut_w // 2, 0, width), np.clip(x + cut_w // 2, 0, width)
        top, bottom = np.clip(y - cut_h // 2, 0, height), np.clip(y + cut_h // 2, 0, height)
        out.append((top, left, bottom, right))
    return np.array(out)


@pytest.mark.parametrize("shape", [(28, 28), (20, 45)])
def test_boxes_of_cutmix_are_those_of_the_published_code(shape):
    _, ours, weights = drawn("cutmix", shape)
    theirs = published_boxes(COUNT, *shape, seed=5)
    for column in range(4):
        assert stats.ks_2samp(ours[:, column], theirs[:, column]).pvalue > 1e-3
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (ours, theirs)]
    assert stats.ks_2samp(*areas).pvalue > 1e-3
    # Clipping at the edges leaves less of the box, and so more of the image, than was drawn.
    np.testing.assert_allclose(weights, 1 - areas[0] / (shape[0] * shape[1]))
    assert weights.mean() > 0.55


def test_one_of_two_methods_and_a_share_of_the_images():
    _, boxes, weights = drawn("mixup:1+cutmix:1")
    cut = boxes.any(axis=1)
    assert 0.45 < cut.mean() < 0.5  # a half, of which some boxes have no area
    assert (weights[~cut] < 1).mean() + 0.02 > 0.99
    few = policy.described(
        policy.describe(policy.load("mixup:1")) | {"mixup": {"alpha": 1, "p": 0.3}}
    )
    images = np.zeros((COUNT, 4, 4), np.uint8)
    _, _, weights = Mixer(few, images, np.zeros(COUNT, int), 2).draw((0, 0), np.arange(COUNT))
    assert (weights < 1).mean() == pytest.approx(0.3, abs=0.015)


@pytest.mark.parametrize("name", ["mixup:1", "affine+mixup:1"])
def test_mixup_is_the_weighted_mean_with_a_partner_augmented_by_its_own_key(name):
    made, images, labels = mixer(name)
    index = np.array([5, 9, 63, 0])
    mixed, soft = made((7, 3), index)
    partners, _, weights = made.draw((7, 3), index)
    alone = images
    if name != "mixup:1":
        alone = vectorize(policy.load("affine", 10))(images, (7, 3, np.arange(64)))
    for n, (own, other, weight) in enumerate(zip(index, partners, weights, strict=True)):
        expected = weight * alone[own].astype(float) + (1 - weight) * alone[other]
        assert np.abs(mixed[n] - expected).max() <= 0.51
        share = np.zeros(5)
        share[labels[own]] += weight
        share[labels[other]] += 1 - weight
        np.testing.assert_allclose(soft[n], share, atol=1e-6)


def test_cutmix_puts_a_box_of_the_partner_and_counts_its_area():
    made, images, labels = mixer("cutmix", shape=(12, 10, 3))
    index = np.arange(64)
    mixed, soft = made((1, 1), index)
    partners, boxes, _ = made.draw((1, 1), index)
    for n in index:
        expected = images[n].copy()
        top, left, bottom, right = boxes[n]
        expected[top:bottom, left:right] = images[partners[n], top:bottom, left:right]
        np.testing.assert_array_equal(mixed[n], expected)
        left_over = 1 - (bottom - top) * (right - left) / 120
        wanted = np.zeros(5)
        wanted[labels[n]] += left_over
        wanted[labels[partners[n]]] += 1 - left_over
        np.testing.assert_allclose(soft[n], wanted, atol=1e-6)


def test_smoothed_labels_have_their_share_of_every_class():
    made, images, labels = mixer("label-smoothing:0.2")
    same, soft = made((0, 0), np.arange(64))
    np.testing.assert_array_equal(same, images)
    np.testing.assert_allclose(soft, 0.8 * np.eye(5)[labels] + 0.04, atol=1e-7)
    _, mixed = mixer("mixup:1+label-smoothing:0.2")[0]((0, 0), np.arange(64))
    _, plain = mixer("mixup:1")[0]((0, 0), np.arange(64))
    np.testing.assert_allclose(mixed, 0.8 * plain + 0.04, atol=1e-6)


def test_augmix_is_the_papers_sum_of_chains():
    """One operation that draws nothing makes every chain known: the identity or a flip."""
    described = policy.describe(policy.load("augmix"))
    described["augmix"] |= {
        "operations": [policy.saved.as_data(A.HorizontalFlip(p=1))],
        "depth": [1, 2],
    }
    engine = policy.described(described).engine()
    image = np.zeros((COUNT, 1, 2), np.uint8)
    image[..., 0] = 200
    made = engine(image, (0, 0, 0))
    flipped = made[:, 0, 1] / 200  # the share of the flipped image
    np.testing.assert_allclose(made.sum(axis=(1, 2)), 200, atol=1)
    # Beta(1, 1) of the chains, of which those of depth 1, each with probability 1/2, are flipped.
    random = np.random.default_rng(0)
    weights, share = random.dirichlet([1, 1, 1], COUNT), random.beta(1, 1, COUNT)
    expected = share * (weights * random.integers(0, 2, (COUNT, 3))).sum(axis=1)
    edges = np.linspace(0, 1, 11)
    ours, theirs = (np.histogram(v, edges)[0] for v in (flipped, expected))
    assert stats.chi2_contingency([ours, theirs]).pvalue > 1e-3


def test_the_jensen_shannon_loss_gets_the_image_and_two_different_views():
    made, images, labels = mixer("affine+augmix-jsd", 200)
    index = np.arange(200)
    clean, first, second = made.views((4, 1), index)
    np.testing.assert_array_equal(clean, vectorize(policy.load("affine", 10))(images, (4, 1, 0)))
    np.testing.assert_array_equal(
        first, policy.load("affine+augmix", 10).engine()(images, (4, 1, 0))
    )
    assert (first != second).any(axis=(1, 2)).mean() > 0.9
    assert (first != clean).any(axis=(1, 2)).mean() > 0.9
    seen, whole = made((4, 1), index)
    np.testing.assert_array_equal(seen, first)
    np.testing.assert_array_equal(whole, labels)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=5, deadline=None)
@given(some.permutations(range(64)), some.integers(1, 63), some.integers(0, 2**40))
def test_an_image_depends_on_its_key_alone(name, order, cut, seed):
    made, _, _ = mixer(name)
    images, labels = made((seed, 2), np.arange(64))
    order = np.array(order)
    parts = [made((seed, 2), part) for part in (order[:cut], order[cut:])]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts]), images[order])
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), labels[order])
    other, _ = made((seed, 3), np.arange(64))
    assert name.startswith("label") or not np.array_equal(other, images)


@pytest.mark.parametrize("name", ALL)
def test_a_policy_is_the_same_from_plain_data(name):
    loaded = policy.load(name)
    assert loaded.name == name
    description = policy.describe(loaded)
    assert policy.describe(policy.described(description)) == description
    images, labels = some_images(shape=(28, 28))
    first, second = (
        Mixer(one, images, labels, 5)((0, 0), np.arange(64))
        for one in (loaded, policy.described(description))
    )
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


FILES = {
    "pipeline: default+cutout\nmixup: 0.2\n": "default+cutout+mixup:0.2",
    "mixup: {alpha: 1, p: 1}\ncutmix: true\nlabel_smoothing: 0.1": "mixup:1+cutmix+label-smoothing",
    "augmix: {severity: 2, jsd: 12}\npipeline: affine\n": "affine+augmix-jsd:2",
    "cutmix: false\nmixup: true": "mixup",
}


@pytest.mark.parametrize("text", FILES)
def test_a_file_says_what_a_name_says(tmp_path, text):
    path = tmp_path / "one+two.yaml"
    path.write_text(text)
    loaded = policy.describe(policy.load(str(path)))
    assert loaded.pop("name") == "one+two.yaml" == policy.name(str(path))
    named = policy.describe(policy.load(FILES[text]))
    assert named.pop("name") == FILES[text]
    assert loaded == named


def test_what_albumentations_saved_and_one_line_more(tmp_path):
    saved = A.Compose([A.HorizontalFlip(p=1), A.Rotate((5, 9), p=0.5)])
    path = tmp_path / "mine.yaml"
    A.save(saved, str(path), data_format="yaml")
    path.write_text(path.read_text() + "\nmixup: 0.4\n")
    loaded = policy.load(f"{path}+label-smoothing:0.2")
    assert loaded.name == "mine.yaml+label-smoothing:0.2"
    assert policy.saved.as_data(loaded.pipeline) == policy.saved.as_data(saved)
    assert (loaded.mixup.alpha, loaded.label_smoothing) == (0.4, 0.2)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mixup:x", "policy 'mixup:x': 'x' is not a number: write it as mixup:0.2"),
        ("mixup:0", "policy mixup:0: mixup's alpha is 0: give a number above 0, or leave it out"),
        ("cutmix:nan", "policy 'cutmix:nan': 'nan' is not a number: write it as cutmix:0.2"),
        ("cutmix:2000", "policy cutmix:2000: cutmix's alpha is 2000.0: give a number above 0, at"),
        ("mixup+mixup:1", "policy mixup+mixup:1 has mixup twice: leave one out"),
        ("mixop", "policy 'mixop' is unknown: is it mixup? Use one of default, affine"),
        ("affine+", "policy '' in 'affine+' is unknown: use one of default"),
        ("augmix:0.5", "augmix's severity is 0.5: give a number from 1 to 10"),
        ("label-smoothing:1", "label smoothing is 1.0: give a number above 0, at most 0.999"),
        ("augmix-jsd+mixup", "the Jensen-Shannon loss compares views of one image, with one label"),
    ],
)
def test_names_that_are_none(name, said):
    with pytest.raises(UserError) as error:
        policy.load(name)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mixup: {beta: 1}", "policy one.yaml: mixup takes alpha, p, not 'beta'"),
        ("mixup: {alpha: [1]}", "policy one.yaml: mixup's alpha is [1]: give a number above 0"),
        (
            "mixup: {p: 0}",
            "policy one.yaml: mixup's p is 0: give a number above 0, or leave it out",
        ),
        ("label_smoothing: .nan", "label_smoothing: nan is outside"),
        ("augmix: {depth: [3, 1]}", "augmix's depth is [3, 1]: give the smaller number first"),
        ("augmix: {depth: x}", "augmix's depth is x: give the fewest and the most operations"),
        ("augmix: {width: 2.5}", "augmix's width is 2.5: give a whole number from 1 to 10"),
        ("augmix: {operations: []}", "augmix has no operations: list some, or leave"),
        ("augmix: {operations: [{__class_fullname__: os.system}]}", "augmix's operations: 'os.sys"),
        ("pipeline: nope\nmixup: 1", "pipeline 'nope' is unknown: use one of default"),
        ("pipeline: default\ntransform: 1", "next to `pipeline: default` it has 'transform'"),
        ("other: 1", "holds no albumentations pipeline"),
        ("mixup: 0.2\nlr: 1", "'lr' is neither a pipeline nor one of augmix, mixup, cutmix"),
        ("mixup: 0.2\ncutmix:\n", "cutmix is empty: write `cutmix: true` for its defaults, or"),
        (
            "pipeline: default\nlabel-smoothing: 0.1",
            "has 'label-smoothing': write `label_smoothing",
        ),
        (
            "mixup: 1\ncutmixx: 1",
            "'cutmixx' is neither a pipeline nor one of augmix, mixup, cutmix",
        ),
        ("pipeline: default\nmixpu: 0.2", "it has 'mixpu': is it mixup?"),
        (
            "pipeline: affine+mixup:0.2",
            "'mixup:0.2' is not a pipeline: write `mixup: true` on a line",
        ),
        ("pipeline: defualt", "pipeline 'defualt' is unknown: is it default? Use one of"),
        ("mixup: false", "does nothing: set one of its keys, or add a pipeline"),
        ("mixup: '0.2'", "mixup's alpha is '0.2': give a number above 0, at most 1000"),
        ("augmix: {severity: true}", "augmix's severity is True: give a number from 1 to 10"),
    ],
)
def test_files_that_hold_no_policy(tmp_path, text, said):
    path = tmp_path / "one.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        policy.load(str(path))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_an_engine_of_images_refuses_to_mix_labels():
    with pytest.raises(UserError, match=r"policy mixup changes labels, too.*\.mixing\.Mixer\("):
        vectorize("mixup")
    assert vectorize("augmix")(np.zeros((2, 28, 28), np.uint8), (0, 0, 0)).shape == (2, 28, 28)
