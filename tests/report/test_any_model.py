"""Reports on other models than dense networks: what is said of them, and what is left out."""

import copy
import re
import shutil

import pytest
import synthetic_results
from synthetic_results import architecture

from mnist_aug.analysis import comparison
from mnist_aug.analysis.classes import class_accuracy
from mnist_aug.errors import UserError
from mnist_aug.report import architecture as words
from mnist_aug.report import cards, inputs, limits, search, sentences, studies
from mnist_aug.report.page import write
from mnist_aug.results.runs import BOTH

pytest_plugins = "rendered"

OWN = "resnet.py:build"
CNN = (
    "Conv2D 32 (3 x 3, ReLU) → MaxPooling2D 2 x 2 → Conv2D 64 (3 x 3, ReLU) → MaxPooling2D 2 x 2 "
    "→ Flatten → Dropout 0.5 → Dense 10 (softmax)"
)
SHORT = {"seeds": 2, "test": 60, "samples": False, "bench": False}


@pytest.fixture(scope="module")
def cnn(tmp_path_factory, render):
    folder = tmp_path_factory.mktemp("cnn")
    results = synthetic_results.write(
        folder / "results",
        seeds=3,
        samples=False,
        other_sets=True,
        model="cnn",
        studies=("compare", "tuned"),
    )
    errors = {"small-plain-15": [0.02, 0.03], "small-15": [0.01, 0.02]}
    synthetic_results.write_published(results, errors)
    return render(results, folder / "reports", drawn=False)


@pytest.fixture(scope="module")
def own(tmp_path_factory, render):
    folder = tmp_path_factory.mktemp("own")
    results = synthetic_results.write(folder / "results", model=OWN, **SHORT)
    return render(results, folder / "reports", drawn=False)


def plain(text: str) -> str:
    """Text with letters for its signs."""
    return text.replace("\N{MULTIPLICATION SIGN}", "x").replace("\N{EN DASH}", "-")


def card(one) -> dict:
    return {what: plain(value) for what, value in one.tables["model-card"].frame.to_numpy()}


def test_the_cnn_stands_in_heading_and_title(cnn):
    assert "<title>MNIST, cnn: does augmentation help?</title>" in cnn.html
    question = "Does this augmentation help this convolutional network on MNIST?"
    assert f"<h1>{question}</h1>" in cnn.html
    assert cnn.text.startswith(f"# {question}\n")
    assert plain(sentences.subtitle(cnn.content)) == (
        "Convolutional network (cnn, Keras's Simple MNIST convnet), 34,826 parameters, Adam, 5 "
        "epochs, trained on 800 images of 28 x 28 pixels."
    )


def test_a_users_model_stands_in_heading_and_title(own):
    assert "<title>MNIST, resnet.py:build: does augmentation help?</title>" in own.html
    assert "<h1>Does this augmentation help the model resnet.py:build on MNIST?</h1>" in own.html
    assert sentences.subtitle(own.content).startswith(
        "Model resnet.py:build, 77,000 parameters, Adam, 5 epochs, trained on 240 images"
    )


def test_model_cards(cnn, own, small):
    assert card(cnn)["model"] == (
        f"mnist_num_reader.keras, Keras's Simple MNIST convnet: {CNN}; 34,826 parameters"
    )
    assert card(cnn)["input"].startswith("float32 images [N, 28, 28, 1], pixels")
    assert "made from" not in card(cnn)
    assert card(own)["model"] == (
        "mnist_num_reader.keras, model resnet.py:build: 6 layers (2 Conv2D, 1 BatchNormalization, "
        "1 Add, 1 GlobalAveragePooling2D and 1 Dense), the last of them Dense 10 (softmax); 77,000 "
        "parameters"
    )
    assert card(own)["made from"] == f"resnet.py, SHA-256 {'9a' * 32}"
    assert card(own)["digest of its architecture"] == "78" * 6
    assert card(small)["model"] == (
        "mnist_num_reader.keras: Flatten → Dense 128 (ReLU) → Dense 128 (ReLU) → Dense 10 "
        "(softmax); 118,282 parameters"
    )
    assert card(small)["input"].startswith("float32 images [N, 28, 28], pixels")


def test_a_dense_network_of_a_version_without_architectures(reference):
    old = copy.deepcopy(reference[0])
    for variant in old.both:
        for run in variant.runs:
            del run.manifest["architecture"]
    text = dict(cards.model_card(old, *_by_class(old)).frame.to_numpy())
    assert text["model"] == (
        "mnist_num_reader.keras: Flatten, dense layers of 128, 128 units with ReLU, 10 outputs "
        "with softmax; 118,282 parameters"
    )
    assert text["input"].startswith("float32 images [N, 28, 28], pixels")
    subtitle = plain(sentences.subtitle(old))
    assert subtitle.startswith("Dense network 128-128, 118,282 parameters, Adam, 15 epochs")


def _by_class(content):
    return class_accuracy(content), None, None


def test_both_start_alike_and_draw_alike(cnn, own):
    begin = "Runs are paired: each seed gives both models the same initial weights"
    drawn = f"{begin}, the same order of images and the same random draws in Dropout."
    assert drawn in text_of(cnn, "result")
    assert f"{begin} and the same order of images." in text_of(own, "result")


@pytest.mark.parametrize(
    ("name", "untested"),
    [
        ("small", "convolutional networks"),
        ("cnn", "dense networks and other architectures"),
        ("own", "other architectures"),
    ],
)
def test_limits_name_what_was_not_tried(request, name, untested):
    blocks = request.getfixturevalue(name).sections["limits"].blocks
    items = next(block.items for block in blocks if block.kind == "list")
    assert items[0] == untested
    assert "adversarial images" in items


def test_layers_that_augment_are_in_the_limits(tmp_path, monkeypatch):
    built = architecture("cnn", (28, 28), 10)
    turning = {"class_name": "RandomRotation", "config": {"name": "turned", "factor": [-0.1, 0.1]}}
    built["config"]["layers"].insert(1, turning)
    monkeypatch.setattr(synthetic_results, "architecture", lambda *_: built)
    results = synthetic_results.write(tmp_path, model="cnn", **SHORT)
    content = comparison.load(results)
    section = limits.section(content, inputs.read(results, content))
    assert (
        "The model itself changes images at random in training (RandomRotation), with and without "
        "the policy. The difference is what the policy adds to that."
    ) in [block.text for block in section.blocks]


def test_settings_and_commands_name_the_model(cnn, own):
    items = [
        next(block.items for block in report.sections["setup"].blocks if block.kind == "list")
        for report in (cnn, own)
    ]
    assert items[0][:2] == ("model: cnn", "optimizer: adam")
    assert items[0][-1] == "parameters: 34,826"
    assert items[1][0] == "model: resnet.py:build (78787878…)"
    commands = cnn.sections["setup"].facts["commands"]
    assert commands[-1] == "make report DATA=path/to/data SEEDS=3 EPOCHS=5 POLICY=default MODEL=cnn"
    policies = 'POLICIES="affine path/to/mine.yaml mixup:0.2"'
    assert f"make compare {policies} DATA=path/to/data SEEDS=3 EPOCHS=5 MODEL=cnn" in commands
    assert (
        "make tune DATA=path/to/data SEEDS=2 EPOCHS=5 POLICY=default TRIALS=5 MODEL=cnn "
        "SEARCH=policy,learning_rate,schedule"
    ) in commands
    assert "make published DATA=path/to/data ROW=small-plain-15,small-15" in commands
    last = own.sections["setup"].facts["commands"][-1]
    assert last.endswith(" POLICY=default MODEL=path/to/resnet.py:build")
    assert "MODEL is where you have resnet.py; its SHA-256 is in the model card." in own.text


def test_only_dense_gives_the_same_bytes_on_any_machine(small, cnn):
    said = "for the same results (the same bytes on the same machine only); "
    assert said in cnn.text
    assert "for the same results; " in small.text


def test_dense_is_the_default_of_commands(small):
    assert "MODEL" not in " ".join(small.sections["setup"].facts["commands"])


def text_of(report, anchor):
    return " ".join(block.text for block in report.sections[anchor].blocks)


def test_published_results_are_not_of_this_model(cnn, full):
    first = (
        "Everything in this appendix is a dense network, whereas baseline and augmented of this "
        "report are of model cnn."
    )
    text = text_of(cnn, "published")
    assert text.startswith(first)
    assert "a small dense network has a test error of" in text
    elsewhere = cnn.tables["published-elsewhere"]
    assert [*elsewhere.display["row"][:2]] == ["baseline (cnn)", "augmented (cnn)"]
    assert [*elsewhere.frame["row"][:2]] == ["baseline", "augmented"]
    assert "The rows are dense networks, have more training images than augmented" in text
    assert first not in full.text
    assert [*full.tables["published-elsewhere"].display["row"][:2]] == ["baseline", "augmented"]


def test_the_benchmark_is_of_a_dense_network(cnn, full):
    text = "The training epochs are of model dense, not of cnn."
    assert text in text_of(cnn, "efficiency")
    assert "of model dense" not in text_of(full, "efficiency")


def test_what_is_of_another_model_is_left_out(cnn, tmp_path):
    """A search and studies of dense networks, with both models a cnn."""
    results = synthetic_results.write(tmp_path / "results", studies=("tuned", "compare"), **SHORT)
    other = synthetic_results.write(tmp_path / "other", model="cnn", **SHORT)
    for name in BOTH:
        shutil.rmtree(results / name)
        (other / name).rename(results / name)
    content = comparison.load(results)
    found, left_out = search.read(results, content)
    assert (found, left_out) == (
        {},
        [
            f"The search for {name} is left out, as its trials are of model dense, baseline and "
            "augmented of cnn: `make tune` with the settings of baseline and augmented makes it "
            "anew."
            for name in ("baseline", "augmented")
        ],
    )
    found, left_out = studies.read(results, content)
    assert (found, left_out) == (
        {},
        [
            f"{what}, as its runs are of model dense, baseline and augmented of cnn: `make {name}` "
            f"with the settings of baseline and augmented makes {them} anew."
            for what, name, them in (
                (
                    "Of the study compare affine, mine.yaml and mixup:0.2 are left out",
                    "compare",
                    "them",
                ),
                ("The study tuned is left out", "tuned", "it"),
            )
        ],
    )
    # Where they are of the same.
    assert "search-settings" in {table.name for table in cnn.sections["choosing"].tables}


def test_settings_without_a_model_are_of_dense_networks(tmp_path):
    results = synthetic_results.write(tmp_path, studies=("tuned", "ablation"), **SHORT)
    for path in sorted(results.rglob("manifest.json")):
        text = path.read_text().replace('"model": {"name": "dense"}, ', "")
        path.write_text(re.sub(r'"architecture": .*?, "parameters"', '"parameters"', text))
    synthetic_results.sign(results)  # the search still names it
    content = comparison.load(results)
    searches, left_out = search.read(results, content)
    runs, others = studies.read(results, content, search.best_settings(searches))
    assert left_out == others == []
    assert ({*searches}, {*runs}) == ({"baseline", "augmented"}, {"tuned", "ablation"})


@pytest.mark.parametrize(
    "wanted", [pytest.param(OWN, marks=pytest.mark.torture), f"../models/{OWN}"]
)
def test_a_model_is_known_by_its_name(own, tmp_path, wanted, undrawn):
    write(own.results, tmp_path, model=wanted)
    assert (tmp_path / "index.html").exists()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("own", "dense"), ("own", "resnet.py:other"), ("small", "cnn"), ("cnn", "path/cnn.keras")],
)
def test_results_of_another_model_than_the_one_wanted(request, tmp_path, name, wanted):
    one = request.getfixturevalue(name)
    is_of = {"own": OWN, "small": "dense", "cnn": "cnn"}[name]
    message = (
        f"baseline is of model {is_of}, not {wanted}: run `make report` with the settings you "
        "want, or leave the option out"
    )
    with pytest.raises(UserError) as error:
        write(one.results, tmp_path, model=wanted)
    assert str(error.value) == message
    assert list(tmp_path.iterdir()) == []


def test_a_hostile_name_stays_text(tmp_path, undrawn):
    name = "<script>alert(1)|`x` $(ls).py:build"
    results = synthetic_results.write(tmp_path / "results", model=name, **SHORT)
    write(results, tmp_path / "reports")
    page = (tmp_path / "reports" / "index.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)|" in page
    assert "MODEL=path/to/model</code>" in page
    assert "<script" not in (tmp_path / "reports" / "report.md").read_text().replace("\\<", "")


def layer(kind: str, **config) -> dict:
    return {"class_name": kind, "config": config}


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (layer("Dense", units=10, activation="linear"), "Dense 10"),
        (layer("Conv2D", filters=8, kernel_size=[5, 3], strides=[1, 1]), "Conv2D 8 (5 x 3)"),
        (
            layer("Conv2D", filters=8, kernel_size=[3, 3], strides=[2, 2], padding="same"),
            "Conv2D 8 (3 x 3, stride 2 x 2, padded)",
        ),
        (layer("Conv1D", filters=8, kernel_size=[3], strides=[1]), "Conv1D 8 (3)"),
        (layer("MaxPooling2D", pool_size=[2, 2], strides=[2, 2]), "MaxPooling2D 2 x 2"),
        (
            layer("MaxPooling2D", pool_size=[3, 3], strides=[1, 1]),
            "MaxPooling2D 3 x 3 (stride 1 x 1)",
        ),
        (layer("Reshape", target_shape=[28, 28, 1]), "Reshape 28 x 28 x 1"),
        (layer("GaussianNoise", stddev=0.25), "GaussianNoise 0.25"),
        (layer("Activation", activation="gelu"), "Activation (gelu)"),
        (
            layer("Dense", units=4, activation={"class_name": "function", "config": "relu"}),
            "Dense 4 (ReLU)",
        ),
        (
            layer("Dense", units=4, activation={"class_name": "LeakyReLU", "config": {}}),
            "Dense 4 (LeakyReLU)",
        ),
        (
            layer("TimeDistributed", layer=layer("Dense", units=8, activation="tanh")),
            "TimeDistributed of Dense 8 (tanh)",
        ),
        (layer("BatchNormalization"), "BatchNormalization"),
    ],
)
def test_a_layer_in_words(one, text):
    model = {"class_name": "Sequential", "config": {"layers": [one]}}
    assert plain(words.description(model)) == text


def chain(*layers: dict) -> dict:
    return {"class_name": "Sequential", "config": {"layers": [*layers]}}


def test_models_in_a_model_and_many_layers():
    dense = layer("Dense", units=10, activation="softmax")
    inner = chain(layer("InputLayer", batch_shape=[None, 28, 28]), layer("Flatten"))
    assert words.description(chain(inner, dense)) == "Flatten → Dense 10 (softmax)"
    long = chain(layer("Flatten"), *[layer("Dropout", rate=0.1)] * (words.MOST - 1), dense)
    assert words.description(long) == (
        f"{words.MOST + 1} layers (1 Flatten, {words.MOST - 1} Dropout and 1 Dense), the last of "
        "them Dense 10 (softmax)"
    )
    branching = architecture("resnet", (28, 28), 10)
    assert "→" not in words.description(branching)
    assert "→" not in words.description(chain(branching, dense))
    straight = [one for one in branching["config"]["layers"] if one["name"] != "add"]
    straight[2]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "conv2d_0"
    straight[4]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "normalised"
    chained = {"class_name": "Functional", "config": {"layers": straight}}
    assert plain(words.description(chained)) == (
        "Conv2D 16 (3 x 3, stride 2 x 2, padded, ReLU) → Conv2D 16 (3 x 3, padded) → "
        "BatchNormalization → GlobalAveragePooling2D → Dense 10 (softmax)"
    )


def test_which_layers_draw_at_random():
    model = chain(
        layer("RandomFlip", mode="horizontal"),
        layer("Dense", units=4),
        layer("SpatialDropout2D", rate=0.1),
        layer("TimeDistributed", layer=layer("GaussianDropout", rate=0.1)),
        layer("LSTM", units=4, dropout=0.0, recurrent_dropout=0.2),
        layer("GRU", units=4, dropout=0.0, recurrent_dropout=0.0),
        layer("RandomFlip", mode="vertical"),
    )
    assert words.random_layers(model) == [
        "RandomFlip",
        "SpatialDropout2D",
        "GaussianDropout",
        "LSTM",
    ]
    assert words.policy_layers(model) == ["RandomFlip"]
