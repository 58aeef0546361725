"""Lesson 33. Losses that adapt

A loss can change while it is at work: it can choose the examples that it listens to, and it can
learn its own parameters, by the gradient of what the training comes to.

Lesson 12 met wrong labels, lesson 9 a loss that learned its shape, lesson 32 weights of tasks. Here
the weights are those of examples, and then of the people who labelled them.
"""

import matplotlib.pyplot as plt
import numpy as np
from kit import COLOR, args, begin, claim, exercises, predict, save, say, takeaway

from microloss import Tensor, grad
from microloss import functional as F
from microloss.datasets import load_digits, train_test_split
from microloss.losses import cross_entropy, self_paced_weights
from microloss.nn import MLP
from microloss.optim import SGD, Adam
from microloss.training import fit

rng = begin()
X, y = load_digits()
X, X_test, y, y_test = train_test_split(X / 16, y, test_size=997, seed=rng, stratify=y)

# ---- easy examples first -------------------------------------------------------------------------

wrong = rng.random(800) < 0.4
noisy = np.where(wrong, (y + rng.integers(1, 10, 800)) % 10, y)
say(f"""
Pupils begin with what is easy. Self-paced learning (Kumar et al. 2010) lets in the examples whose
loss is below a threshold, which rises until all are in. Ours starts at ln 10, what a blind guess
costs, and grows by a tenth each epoch. Of 800 digits, {wrong.sum()} are wrongly labelled.
""")
predict("By chance, some labels cost less than ln 10 at first. What becomes of the others?")


def train(labels, thresholds):
    """After each epoch: test accuracy, and how many of the ten digits are ever answered."""
    model, history = MLP(64, 128, 10, rng=args.seed), []

    def loss(z, t):
        each = cross_entropy(z, t, reduction="none")
        return np.mean(self_paced_weights(each, threshold=thresholds[len(history)]) * each)

    def watch(*_):
        answers = model(X_test).data.argmax(axis=1)
        history.append((np.mean(answers == y_test), len(np.unique(answers))))

    optimizer = SGD(model.parameters(), lr=0.1, momentum=0.9)
    order = np.random.default_rng(args.seed)  # the same batches for each threshold
    fit(model, loss, optimizer, X, labels, epochs=len(thresholds), rng=order, callbacks=[watch])
    return np.transpose(history)


epoch, end = np.arange(25), lambda accuracy: accuracy[-5:].mean()
everything, rising = np.full(25, 1e9), np.log(10) * 1.1**epoch
(plain, _), (paced, digits) = train(noisy, everything), train(noisy, rising)
named = f"after 5 epochs {digits[4]:.0f} of ten are answered"
claim("it stays out and gets harder: whole digits are missing", digits[4] < 8, named)
eager, slow = (end(train(y, thresholds)[0]) for thresholds in (everything, rising))
both = f"{slow:.1%}, all at once {eager:.1%}"
claim("with true labels, easy first gains nothing", slow < eager + 0.005, both)
say("The cure: five epochs with all (lesson 12: truth comes before lies), then ln 10 for good.")
cured, _ = train(noisy, np.where(epoch < 5, 1e9, np.log(10)))
shown = f"{end(cured):.1%}, all at once {end(plain):.1%}, easy first {end(paced):.1%}"
claim("hard ones out is best", end(cured) > max(end(plain), end(paced)) + 0.03, shown)

# ---- whom to believe -----------------------------------------------------------------------------

say("""
Five people labelled 160 digits each. Two erred on a tenth, one on 40 %, one always, one said 7 to
all. Nobody told us. Give each a weight, softmax(k) of five numbers k, in front of the mean loss on
that person's labels, and train a linear model, by plain gradient descent.
""")
PEOPLE = {"careful": 0.1, "careful too": 0.1, "hasty": 0.4, "always wrong": 1, "says 7 to all": 0}
who, parts = np.arange(800) % 5, {"test_size": 30, "seed": rng, "stratify": y_test}
erred = rng.random(800) < np.array([*PEOPLE.values()])[who]
labels = np.where(who == 4, 7, (y + rng.integers(1, 10, 800) * erred) % 10)
X_test, X_check, y_test, y_check = train_test_split(X_test, y_test, **parts)
cost = lambda X, y, params: cross_entropy(F.linear(X, *params), y, reduction="none")
opinions = lambda params: np.eye(5)[:, who] @ cost(X, labels, params) / 160
checked = lambda params, weights=None: np.mean(cost(X_check, y_check, params))
start = lambda: [Tensor(np.zeros(shape), requires_grad=True) for shape in ((10, 64), 10)]
read = lambda params: np.mean(F.linear(X_test, *params).data.argmax(axis=1) == y_test)


def step(loss, params, create_graph=True):
    """The parameters after a step of gradient descent, and how they came from the loss."""
    return [p - 0.5 * s for p, s in zip(params, grad(loss, params, create_graph=create_graph))]


def learn(exam=None):
    """Accuracy, and the weights on the way, when k goes down on the exam after each step."""
    params, k, path = start(), Tensor(np.zeros(5), requires_grad=True), []
    optimizer = Adam([k], lr=0.05)
    for _ in range(200):
        weights = F.softmax(k)
        after = step(np.sum(weights * opinions(params)), params)
        if exam:
            (k.grad,) = grad(exam(after, weights), k)
            optimizer.step()
        params = [Tensor(p.data, requires_grad=True) for p in after]
        path.append(weights.data)
    return read(params), np.array(path)


predict("Let k go down on the training loss, as all else does. Whom will the loss believe?")
equal, _ = learn()
naive, path = learn(lambda params, weights: np.sum(weights * opinions(params)))
trust = f"weight {path[-1, 4]:.0%}; {naive:.0%} of test digits read, with equal weights {equal:.0%}"
claim("who says 7: that is easiest to fit", path[-1, 4] > 0.95 and naive < 0.2, trust)
say("""
It set its own exam, as in lesson 9. Let others set it: 30 more images, with labels checked. Their
loss does not contain k, but the parameters after a step do, if create_graph=True records the step.
""")


def after_training(k, steps, create_graph=True):
    params = start()
    for _ in range(steps):
        params = step(np.sum(F.softmax(k) * opinions(params)), params, create_graph)
    return checked(params)


k = Tensor(rng.normal(size=5), requires_grad=True)
try:
    refused = grad(after_training(k, 1, create_graph=False), k)
except RuntimeError as error:
    refused = str(error)
claim("without it, k is lost", "does not depend" in refused, refused[:41])
(slope,) = grad(after_training(k, 20), k)
sides = [[after_training(k.data + h, 20).item() for h in s * np.eye(5)] for s in (1e-4, -1e-4)]
off = np.abs(np.subtract(*sides) / 2e-4 - slope).max() / np.abs(slope).max()
claim("with it, the gradient through 20 steps equals differences", off < 1e-6, f"off by {off:.0e}")
w, params = Tensor(np.full(5, 0.2), requires_grad=True), start()
after = step(np.sum(w * opinions(params)), params)
aims = grad(checked(after), after, retain_graph=True)
slopes = [grad(opinion, params, retain_graph=True) for opinion in opinions(params)]
dots = [sum(np.sum(aim * slope) for aim, slope in zip(aims, own)) for own in slopes]
off = np.abs(grad(checked(after), w)[0] + 0.5 * np.array(dots)).max()
two = f"of the labels of that person, and of the exam; off by {off:.0e}"
claim("for one step it is -0.5 times the dot product of two gradients", off < 1e-14, two)
say("So those gain weight whose labels pull where the exam pulls.")
predict("After each step, let k go down on the exam. Who is believed?")
best, path = learn(checked)
believed = ", ".join(f"{name} {weight:.0%}" for name, weight in zip(PEOPLE, path[-1]))
claim("the careful", path[-1, :2].sum() > 0.6 and path[-1, 3:].max() < 0.2, believed)
alone = start()
for _ in range(200):
    alone = [Tensor(p.data, requires_grad=True) for p in step(checked(alone), alone)]
versus = f"{best:.1%}, with equal weights {equal:.1%}, from the 30 alone {read(alone):.1%}"
claim("and most digits are read", best > max(equal, read(alone)) + 0.04, versus)

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2))
left.plot(epoch + 1, 100 * cured, color=COLOR["model"], label="hard ones out")
left.plot(epoch + 1, 100 * plain, color=COLOR["truth"], label="all at once")
left.plot(epoch + 1, 100 * paced, color=COLOR["naive"], label="easy first")
left.set(xlabel="epoch", ylabel="test images read (%)", title="Hard ones out ends best")
left.legend(loc="lower right")
for name, weights, key in zip(PEOPLE, path.T, ("model", "ce", "validation", "truth", "naive")):
    right.plot(100 * weights, color=COLOR[key], label=name)
right.set(xlabel="step", ylabel="weight (%)", title="The loss learns whom to believe")
right.legend(loc="center right")
save(fig)

takeaway("""
    A loss that chooses by the loss shuts out what is not learned yet: let all in first. And it must
    not set its own exam: let its parameters learn from other data, through the training step.

    Next: lesson 34 learns one task after another, and in many places.
""")
check = "Repeat with --seed 1. How fair is the exam to the two careful people? Check 100 images."
exercises([check, "Let the exam learn an amount of label smoothing, too."])
