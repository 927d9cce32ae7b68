"""Training on soft labels and on the Jensen-Shannon loss: the steps that stock Keras would take."""

import itertools
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import rel_entr

from mnist_aug.augment import policy
from mnist_aug.augment.mixing import Mixer
from mnist_aug.data import dataset as datasets
from mnist_aug.errors import UserError
from mnist_aug.train import models, pipeline
from mnist_aug.train.trainer import Trainer
from mnist_aug.train.variant import augmented, baseline, learning

SEED = 3


@pytest.fixture(scope="module")
def few():
    """160 digits, of which the first 128 are trained on."""
    whole = datasets.load("digits")
    return replace(whole, x_train=whole.x_train[:160], y_train=whole.y_train[:160])


def variant(name, model="dense", epochs=1):
    return replace(augmented, policy=name, model=model, epochs=epochs)


def trainer(one, data):
    return Trainer(one, data, one.settings(data.side, data.fill))


def batches(one, data, epoch=0):
    """The images and labels of the steps of an epoch, as the model sees them."""
    made = trainer(one, data)
    mixers = [
        (end, Mixer(policy, *made.train, data.classes) if policy else None)
        for end, policy in made.phases
    ]
    blocks, _ = pipeline.blocks(
        made.train[0],
        made._targets(made.train[1]),
        seed=SEED,
        batch_size=32,
        phases=mixers,
        first_epoch=epoch,
    )
    for images, labels in blocks:
        yield from zip(images, labels, strict=True)


def trained_by_hand(one, data, loss):
    """Weights after an epoch of plain gradient steps on `loss(labels, predictions)`."""
    model = trainer(one, data).initial(SEED)
    for images, labels in batches(one, data):
        with tf.GradientTape() as tape:
            value = loss(labels, model(images, training=True))
        gradients = tape.gradient(value, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
    return model.get_weights()


def soft_loss(labels, probabilities):
    return -tf.reduce_mean(tf.reduce_sum(labels * tf.math.log(probabilities), axis=-1))


def published_jsd(labels, probabilities):
    """The loss of AugMix's published code."""
    three = tf.split(probabilities, 3)
    chosen = tf.gather(three[0], labels[:, None], batch_dims=1)[:, 0]
    mixture = tf.math.log(tf.clip_by_value((three[0] + three[1] + three[2]) / 3, 1e-7, 1))
    kl = [tf.reduce_sum(p * (tf.math.log(p) - mixture), axis=-1) for p in three]
    return tf.reduce_mean(-tf.math.log(chosen)) + 12 * tf.reduce_mean(tf.add_n(kl) / 3)


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        pytest.param("mixup:0.2", soft_loss, marks=pytest.mark.torture),
        ("affine+cutmix+label-smoothing:0.2", soft_loss),
        ("affine+augmix-jsd", published_jsd),
    ],
)
def test_the_weights_are_those_of_steps_by_hand(few, tmp_path, name, loss):
    trained, _, _ = trainer(variant(name), few).fit(SEED)
    expected = trained_by_hand(variant(name), few, loss)
    for ours, theirs in zip(trained.get_weights(), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)
    if loss is published_jsd:
        return
    trained.save(tmp_path / "one.keras")  # as a stock model, of labels that are not soft
    loaded = keras.models.load_model(tmp_path / "one.keras")
    assert loaded.loss == "sparse_categorical_crossentropy"
    assert loaded.evaluate(few.x_test[:50] / 255, few.y_test[:50], verbose=0)


def test_the_divergence_of_views():
    random = np.random.default_rng(0)
    three = random.dirichlet(np.ones(10), (3, 50)).astype(np.float32)
    three[1, 0] = three[0, 0] = np.eye(10)[0]
    mean = three.mean(axis=0)
    expected = rel_entr(three, mean).sum(axis=-1).mean()
    assert float(models.divergence(tf.constant(three))) == pytest.approx(expected, rel=1e-4)
    same = np.repeat(three[:1], 3, axis=0)
    assert float(models.divergence(tf.constant(same))) == pytest.approx(0, abs=1e-6)
    # It is bounded by the logarithm of the number of views.
    apart = np.repeat(np.eye(10, dtype=np.float32)[:3, None], 4, axis=1)
    assert float(models.divergence(tf.constant(apart))) == pytest.approx(np.log(3), rel=1e-5)


def test_the_jensen_shannon_loss_has_a_gradient_where_the_model_is_sure_and_wrong(few):
    one = variant("augmix-jsd")
    made = trainer(one, few)
    logits = np.zeros((6, 10), np.float32)
    logits[:, 1] = 200  # the true class, 0, has a probability below the smallest float
    outputs = tf.Variable(logits)
    with tf.GradientTape() as tape:
        probabilities = tf.nn.softmax(outputs)
        probabilities._keras_logits = outputs
        loss = made.blocks.compute_loss(None, tf.zeros(2, tf.int32), probabilities, training=True)
    assert float(loss) == pytest.approx(200, rel=1e-3)
    assert np.abs(tape.gradient(loss, outputs)).max() > 0.4


@pytest.mark.torture
def test_what_accuracy_counts_and_what_losses_hold(few):
    still = replace(variant("mixup:1"), learning_rate=0.0)
    model = trainer(still, few).initial(SEED)
    _, history, _ = trainer(still, few).fit(SEED)
    right = total = 0
    for images, labels in batches(still, few):
        predicted = model(images).numpy().argmax(axis=-1)
        right += (predicted == labels.numpy().argmax(axis=-1)).sum()
        total += len(labels)
    assert history["accuracy"].iloc[0] == pytest.approx(right / total, abs=1e-6)
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    # Validation is of whole labels: its loss is that of a model with hard ones.
    plain = replace(baseline, epochs=1, learning_rate=0.0)
    _, hard, _ = trainer(plain, few).fit(SEED)
    assert history["val_loss"].iloc[0] == pytest.approx(hard["val_loss"].iloc[0], rel=1e-5)
    assert history["val_accuracy"].iloc[0] == hard["val_accuracy"].iloc[0]
    views = replace(variant("augmix-jsd"), learning_rate=0.0)
    _, compared, _ = trainer(views, few).fit(SEED)
    assert compared["cross_entropy"].iloc[0] == pytest.approx(hard["loss"].iloc[0], rel=1e-5)
    assert compared["loss"].iloc[0] > compared["cross_entropy"].iloc[0]
    assert compared["accuracy"].iloc[0] == pytest.approx(hard["accuracy"].iloc[0], abs=1e-6)
    assert compared["val_loss"].iloc[0] == pytest.approx(hard["val_loss"].iloc[0], rel=1e-5)


OTHERS = ["label-smoothing:0.1", "autoaugment-svhn", "rand-m6-n2", "cutout", "random-erasing"]


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("cutmix", "cnn"),  # of dense networks, the steps are tested above
        *(
            pytest.param(name, model, marks=pytest.mark.torture)
            for name, model in [
                *(("mixup:0.2", "dense"), ("augmix-jsd", "dense"), ("cutmix", "dense")),
                *(("mixup:0.2", "cnn"), ("augmix-jsd", "cnn")),
                *itertools.product(["augmix", *OTHERS], ["dense", "cnn"]),
            ]
        ),
    ],
)
def test_models_learn_by_every_method(few, name, model):
    _, history, _ = trainer(variant(name, model, epochs=4), few).fit(SEED)
    assert history["val_loss"].iloc[-1] < history["val_loss"].iloc[0] < np.log(10) + 0.1


@pytest.mark.parametrize(
    "name", ["default+mixup:0.2", pytest.param("augmix-jsd", marks=pytest.mark.torture)]
)
def test_a_resumed_run_ends_as_a_whole_one(few, name, tmp_path, monkeypatch):
    monkeypatch.setattr("mnist_aug.train.checkpoints.SAVE_SECONDS", 0)
    one, place = variant(name, epochs=3), tmp_path / "checkpoint.npz"

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    made = trainer(one, few)
    with pytest.raises(KeyboardInterrupt):
        made.fit(SEED, [Stop()], checkpoint=place)
    assert place.exists()
    whole, expected, _ = made.fit(SEED)
    resumed, history, _ = made.fit(SEED, checkpoint=place)
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(history, expected)


def test_policies_of_a_run_must_share_the_jensen_shannon_loss():
    later = replace(augmented, policy="augmix-jsd", later_policies=((0.5, "default"),))
    with pytest.raises(UserError, match="the same Jensen-Shannon loss, or none"):
        learning(later.settings())
    assert learning(replace(later, policy="mixup").settings()) == (True, 0.0)
    assert learning(augmented.settings()) == (False, 0.0)
    assert policy.load("augmix-jsd").jsd == learning(variant("augmix-jsd").settings())[1] == 12
