"""Cases of tests/e2e/agree_on_operators: operators of ai.onnx.ml with random parameters. Labels must be equal; scores are f32 in another order of sums."""
import numpy as np

ML = "ai.onnx.ml"
TRANSFORMS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO")
SCORES = 2e-5  # of the largest: f32 sums over a hundred terms, and their exponentials


def floats(array):
    return [float(np.float32(n)) for n in np.asarray(array).reshape(-1)]


def features(f, rows=40, columns=7, kind=np.float32):
    x = f.rng.normal(0, 2, (rows, columns)).astype(np.float32)
    return (x * 3).astype(kind) if kind in (np.int32, np.int64) else x


def use_ml(f, version=1):
    f.domains["ai_onnx_ml"] = version


def binarizer(f):
    use_ml(f)
    for kind in (np.float32,):
        x = features(f, kind=kind)
        x.reshape(-1)[:3] = [-np.inf, 0.5, np.inf]
        f.case(kind.__name__, f.node("Binarizer", [f.input(x)], domain=ML, threshold=0.5), kind)


def scaler(f):
    use_ml(f)
    for kind in (np.float32, np.int64, np.int32):
        x = f.input(features(f, kind=kind))
        f.case(f"a feature, {kind.__name__}", f.node("Scaler", [x], domain=ML, offset=floats(f.rng.normal(0, 1, 7)), scale=floats(f.rng.normal(0, 1, 7))),
               np.float32, 1e-6)
        f.case(f"for all, {kind.__name__}", f.node("Scaler", [x], domain=ML, offset=[0.25], scale=[-3.0]), np.float32, 1e-6)
    f.case("a row", f.node("Scaler", [f.input(features(f)[0])], domain=ML, offset=floats(range(7)), scale=[2.0] * 7), np.float32, 1e-6)


def normalizer(f):
    use_ml(f)
    for norm in ("MAX", "L1", "L2"):
        x = np.abs(features(f)) if norm == "MAX" else features(f)
        x[3] = 0
        for kind in (np.float32, np.int32, np.int64):
            f.case(f"{norm}, {kind.__name__}", f.node("Normalizer", [f.input(x.astype(kind))], domain=ML, norm=norm), np.float32, 1e-6)


def imputer(f):
    use_ml(f)
    x = features(f)
    x[f.rng.random(x.shape) < 0.3] = np.nan
    f.case("NaN, a feature", f.node("Imputer", [f.input(x)], domain=ML, replaced_value_float=float("nan"), imputed_value_floats=floats(range(7))), np.float32)
    f.case("NaN, one", f.node("Imputer", [f.input(x)], domain=ML, replaced_value_float=float("nan"), imputed_value_floats=[2.5]), np.float32)
    x = f.rng.integers(-2, 3, (40, 7)).astype(np.int64)
    f.case("i64", f.node("Imputer", [f.input(x)], domain=ML, replaced_value_int64=-1, imputed_value_int64s=[5, 6, 7, 8, 9, 10, 2 ** 62]), np.int64)


def one_hot(f):
    use_ml(f)
    for kind in (np.float32, np.int64):
        x = f.input(f.rng.integers(0, 7, (11, 3)).astype(kind))
        f.case(kind.__name__, f.node("OneHotEncoder", [x], domain=ML, cats_int64s=[4, 0, 9, 3], zeros=1), np.float32)


def label_encoder(f):
    use_ml(f, 4)
    x = f.input(f.rng.integers(0, 9, (11, 3)))
    f.case("i64 to i64", f.node("LabelEncoder", [x], domain=ML, keys_int64s=[4, 0, 9, 3], values_int64s=[7, -1, 5, 6], default_int64=99), np.int64)
    f.case("i64 to f32", f.node("LabelEncoder", [x], domain=ML, keys_int64s=[4, 0, 9, 3], values_floats=[0.5, -1.0, 5.0, 6.0], default_float=-7.5), np.float32)
    x = f.rng.integers(0, 9, (11, 3)).astype(np.float32)
    x[3] = np.nan
    f.case("f32 to f32", f.node("LabelEncoder", [f.input(x)], domain=ML, keys_floats=[4.0, 0.0, float("nan"), 3.0], values_floats=[0.5, -1.0, 5.0, 6.0], default_float=1.0),
           np.float32)


def extractor(f):
    use_ml(f)
    for kind in (np.float32, np.int64):
        x = f.input(features(f, kind=kind))
        f.case(kind.__name__, f.node("ArrayFeatureExtractor", [x, f.input(np.array([5, 0, 0, 6]))], domain=ML), kind)


def vectorizer(f):
    use_ml(f)
    parts = [f.input(features(f, 9, n)) for n in (3, 1, 4)]
    f.case("floats", f.node("FeatureVectorizer", parts, domain=ML, inputdimensions=[3, 1, 4]), np.float32)
    f.case("cut and filled", f.node("FeatureVectorizer", parts, domain=ML, inputdimensions=[2, 3, 4]), np.float32)
    parts = [f.input(f.rng.integers(-9, 9, (9, n))) for n in (2, 5)]
    f.case("i64", f.node("FeatureVectorizer", parts, domain=ML, inputdimensions=[2, 5]), np.float32)


def linear(f):
    use_ml(f)
    x = f.input(features(f))
    for targets in (1, 3):
        for transform in TRANSFORMS if targets > 1 else ("NONE",):  # the peer leaves a single score as it is
            f.case(f"{targets} targets, {transform}",
                   f.node("LinearRegressor", [x], domain=ML, coefficients=floats(f.rng.normal(0, 1, 7 * targets)),
                          intercepts=floats(f.rng.normal(0, 1, targets)), targets=targets, post_transform=transform), np.float32, SCORES)


def classifier_cases(f, op, inputs, label, labels=True, **attributes):
    y = f.node(op, inputs, ["_scores"], domain=ML, **attributes)
    if labels:
        f.case(f"labels, {label}", y, np.int64)
    f.case(f"scores, {label}", y + "_scores", np.float32, SCORES)


def linear_classifier(f):
    use_ml(f)
    for kind in (np.float32, np.int64):
        x = f.input(features(f, kind=kind))
        for labels in ([7, 3], [0, 1, 2], [5, -1, 9, 4]):
            for rows in {1, len(labels)} if len(labels) == 2 else {len(labels)}:
                for transform in TRANSFORMS:
                    classifier_cases(f, "LinearClassifier", [x], f"{len(labels)} labels, {rows} rows, {transform}, {kind.__name__}", classlabels_ints=labels,
                                     coefficients=floats(f.rng.normal(0, 1, rows * 7)), intercepts=floats(f.rng.normal(0, 1, rows)), post_transform=transform)


def grow(f, trees, depth, columns, weight_of):
    """Attributes of random trees. weight_of(leaf number): a list of (target, weight)."""
    a = {f"nodes_{name}": [] for name in ("treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids", "missing_value_tracks_true")}
    weights = []
    # Not BRANCH_NEQ: in the peer NaN, which equals nothing, takes its true branch whatever nodes_missing_value_tracks_true says.
    modes = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ"]
    for tree in range(trees):
        mode = modes[tree % len(modes)]
        counter = iter(range(10 ** 6))

        def add(level):
            number = next(counter)
            place = len(a["nodes_nodeids"])
            leaf = level == depth or (level > 0 and f.rng.random() < 0.15)
            row = {"treeids": tree, "nodeids": number, "featureids": int(f.rng.integers(columns)), "modes": "LEAF" if leaf else mode,
                   "values": float(np.float32(np.round(f.rng.normal(0, 2) * 2) / 2)), "truenodeids": 0, "falsenodeids": 0,
                   "missing_value_tracks_true": int(f.rng.integers(2))}
            for name, value in row.items():
                a[f"nodes_{name}"].append(value)
            if leaf:
                weights.extend((tree, number, target, weight) for target, weight in weight_of())
            else:
                a["nodes_truenodeids"][place] = add(level + 1)
                a["nodes_falsenodeids"][place] = add(level + 1)
            return number
        add(0)
    return a, [list(column) for column in zip(*weights)]


def hostile_features(f):
    x = np.round(features(f, 60, 5) * 2) / 2
    x.reshape(-1)[f.rng.integers(0, x.size, 30)] = np.nan
    x.reshape(-1)[f.rng.integers(0, x.size, 6)] = [np.inf, -np.inf] * 3
    return x.astype(np.float32)


def tree_regressor(f):
    use_ml(f, 3)
    x = f.input(hostile_features(f))
    for targets, aggregate, trees in ((2, "SUM", 12), (3, "AVERAGE", 7), (3, "MIN", 7), (1, "MAX", 7), (2, "SUM", 1), (1, "SUM", 5)):
        a, (tree, node, target, weight) = grow(f, trees, 4, 5, lambda: [(t, float(np.float32(f.rng.normal()))) for t in range(targets)])
        f.case(f"{targets} targets, {aggregate}, {trees} trees",
               f.node("TreeEnsembleRegressor", [x], domain=ML, **a, target_treeids=tree, target_nodeids=node, target_ids=target, target_weights=weight,
                      n_targets=targets, aggregate_function=aggregate, base_values=floats(f.rng.normal(0, 1, targets)),
                      post_transform="LOGISTIC" if trees == 12 else "NONE"), np.float32, SCORES)


def tree_classifier(f):
    use_ml(f, 3)
    x = f.input(hostile_features(f))
    forms = [("three classes", 3, lambda: [(int(f.rng.integers(3)), float(np.float32(f.rng.random())))], TRANSFORMS, (0, 3)),
             ("all classes a leaf", 3, lambda: [(c, float(np.float32(f.rng.normal()))) for c in range(3)], TRANSFORMS, (0, 3)),
             ("two classes, both weighted", 2, lambda: [(0, 0.25), (1, float(np.float32(f.rng.random())))], TRANSFORMS, (0,)),
             ("margins of one class", 2, lambda: [(0, float(np.float32(f.rng.normal())))], ("NONE", "LOGISTIC"), (0, 1)),
             ("margins of class 1", 2, lambda: [(1, float(np.float32(f.rng.normal())))], ("NONE", "LOGISTIC"), (0,)),
             ("probabilities of one class", 2, lambda: [(0, float(np.float32(f.rng.random() / 8)))], ("NONE", "LOGISTIC"), (0, 1))]
    for label, classes, weight_of, transforms, bases in forms:
        for transform in transforms:
            for base in bases:
                a, (tree, node, target, weight) = grow(f, 8, 4, 5, weight_of)
                more = {"base_values": floats(f.rng.normal(0, 0.3, base))} if base else {}
                # The peer's label of two weighted classes is 1 or 0 by the sign of the second score, whatever the labels are.
                more["labels"] = "both" not in label
                classifier_cases(f, "TreeEnsembleClassifier", [x], f"{label}, {transform}, {base} base values", **a, class_treeids=tree, class_nodeids=node,
                                 class_ids=target, class_weights=weight, classlabels_int64s=[7, 3, 5][:classes], post_transform=transform, **more)


KERNELS = {"LINEAR": [0.0, 0.0, 0.0], "POLY": [0.1, 0.5, 3.0], "RBF": [0.05, 0.0, 0.0], "SIGMOID": [0.05, 0.1, 0.0]}


def svm_regressor(f):
    use_ml(f)
    x = f.input(features(f))
    for kernel, params in KERNELS.items():
        for one_class in (0, 1):
            f.case(f"{kernel}, one_class {one_class}",
                   f.node("SVMRegressor", [x], domain=ML, kernel_type=kernel, kernel_params=params, support_vectors=floats(f.rng.normal(0, 1, 7 * 9)),
                          coefficients=floats(f.rng.normal(0, 1, 9)), rho=[0.3], n_supports=9, one_class=one_class), np.float32, SCORES)
    f.case("without support vectors", f.node("SVMRegressor", [x], domain=ML, kernel_type="LINEAR", kernel_params=KERNELS["LINEAR"], coefficients=floats(f.rng.normal(0, 1, 7)), rho=[0.3], n_supports=0), np.float32, SCORES)


def svm_classifier(f):
    use_ml(f)
    x = f.input(features(f))
    for kernel, params in KERNELS.items():
        for labels in ([7, 3], [0, 1, 2], [5, -1, 9, 4]):
            count = len(labels)
            pairs = count * (count - 1) // 2
            for probabilities in (False, True):
                for transform in ("NONE", "LOGISTIC") if kernel == "RBF" else ("NONE",):
                    more = {"prob_a": floats(-1 - f.rng.random(pairs)), "prob_b": floats(f.rng.normal(0, 0.1, pairs))} if probabilities else {}
                    per_class = [int(n) for n in f.rng.integers(2, 6, count)]
                    classifier_cases(f, "SVMClassifier", [x], f"{kernel}, {count} labels, {'probabilities' if probabilities else 'votes'}, {transform}",
                                     kernel_type=kernel, kernel_params=params, support_vectors=floats(f.rng.normal(0, 1, 7 * sum(per_class))),
                                     vectors_per_class=per_class, coefficients=floats(f.rng.normal(0, 1, (count - 1) * sum(per_class))),
                                     rho=floats(f.rng.normal(0, 0.3, pairs)), classlabels_ints=labels, post_transform=transform, **more)
    for labels in ([7, 3], [0, 1, 2]):
        classifier_cases(f, "SVMClassifier", [x], f"{len(labels)} labels without support vectors", len(labels) > 2, kernel_type="LINEAR", kernel_params=KERNELS["LINEAR"], coefficients=floats(f.rng.normal(0, 1, 7 * len(labels))),
                         rho=[0.1], classlabels_ints=labels)


FAMILIES = {"binarizer": binarizer, "scaler": scaler, "normalizer": normalizer, "imputer": imputer, "one_hot_encoder": one_hot, "feature_vectorizer": vectorizer, "label_encoder": label_encoder, "array_feature_extractor": extractor,
            "linear_regressor": linear, "linear_classifier": linear_classifier, "tree_regressor": tree_regressor, "tree_classifier": tree_classifier,
            "svm_regressor": svm_regressor, "svm_classifier": svm_classifier}
