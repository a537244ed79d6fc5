"""Operators of ai.onnx.ml: trees, linear models, support vectors and features. And the experimental ones of early ONNX."""
import numpy as np
from onnx import numpy_helper

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]


def grow(random, depth, features, modes, whole, tree=0, first=0):
    """A random tree as [(tree, node, feature, threshold, mode, true, false, nan holds)]; leaves have the mode LEAF."""
    nodes, waiting = [], [(first, depth)]
    last = first
    for node, levels in waiting:
        if levels == 0 or (levels < depth and random.random() < 0.2):
            nodes.append((tree, node, 0, 0.0, "LEAF", 0, 0, 0))
            continue
        threshold = float(random.integers(-2, 3)) if whole else float(np.float32(random.standard_normal()))
        nodes.append((tree, node, int(random.integers(features)), threshold, str(random.choice(modes)), last + 1, last + 2, int(random.integers(2))))
        waiting += [(last + 1, levels - 1), (last + 2, levels - 1)]
        last += 2
    return nodes


def cases(Case):
    random = np.random.default_rng(11)

    def normal(*shape, dtype=np.float32):
        return random.standard_normal(shape).astype(dtype)

    def whole(*shape, dtype=np.float32):
        return random.integers(-3, 4, shape).astype(dtype)

    def case(name, operator, operands, outputs=1, version=1, **options):
        return Case(f"{operator} {name}".strip(), operator, operands, outputs, domain="ai.onnx.ml", version=version, **options)

    def forest(trees, depth, features=6, modes=MODES[:1], of_whole=False, nan=False):
        nodes = [node for tree in range(trees) for node in grow(random, depth, features, modes, of_whole, tree)]
        names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids", "missing_value_tracks_true")
        columns = {f"nodes_{name}": list(column) for name, column in zip(names, zip(*nodes))}
        if not nan:
            del columns["nodes_missing_value_tracks_true"]
        return columns, [node[:2] for node in nodes if node[4] == "LEAF"]

    def weights(leaves, kind, ids, positive=False):
        """For each leaf one of each of the ids that `ids` gives."""
        rows = [(tree, node, number, float(random.random() if positive else random.standard_normal()))
                for tree, node in leaves for number in ids(tree)]
        return {f"{kind}_{name}": list(column) for name, column in zip(("treeids", "nodeids", "ids", "weights"), zip(*rows))}

    x = normal(37, 6)
    x[3, 2] = x[9, 0] = np.nan
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        for targets in (1, 3):
            nodes, leaves = forest(7, 4)
            given = weights(leaves, "target", lambda tree: range(targets))
            yield case(f"{aggregate} {targets}", "TreeEnsembleRegressor", {"x": x}, aggregate_function=aggregate, n_targets=targets,
                       base_values=[0.5, -1.0, 2.0][:targets], **nodes, **given)
    nodes, leaves = forest(9, 5)
    some = weights(leaves, "target", lambda tree: [tree % 3])
    yield case("one target a tree", "TreeEnsembleRegressor", {"x": x}, n_targets=3, post_transform="SOFTMAX", **nodes, **some)
    yield case("no weights", "TreeEnsembleRegressor", {"x": x}, n_targets=5, aggregate_function="MAX", **nodes, **some)
    nodes, leaves = forest(5, 6, modes=MODES, of_whole=True, nan=True)
    given = weights(leaves, "target", lambda tree: [0])
    numbers = whole(50, 6)
    numbers[::7, 1] = numbers[::5, 4] = np.nan
    yield case("all modes", "TreeEnsembleRegressor", {"x": numbers}, n_targets=1, **nodes, **given)
    yield case("float64", "TreeEnsembleRegressor", {"x": whole(20, 6, dtype=np.float64)}, n_targets=1, **nodes, **given)
    for name in ("nodes_values", "target_weights"):
        nodes, given = ({f"{key}_as_tensor" if key == name else key: numpy_helper.from_array(np.array(value), key) if key == name else value
                         for key, value in columns.items()} for columns in (nodes, given))
    yield case("tensors", "TreeEnsembleRegressor", {"x": normal(20, 6, dtype=np.float64)}, version=3, n_targets=1, **nodes, **given)
    chain = [(0, 2 * level, level % 6, 0.5, "BRANCH_LEQ", 2 * level + 2, 2 * level + 1, 0) for level in range(50)]
    chain += [(0, 2 * level + 1, 0, 0.0, "LEAF", 0, 0, 0) for level in range(50)] + [(0, 100, 0, 0.0, "LEAF", 0, 0, 0)]
    names = ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    deep = {f"nodes_{name}": list(column) for name, column in zip(names, zip(*chain))}
    ends = weights([node[:2] for node in chain if node[4] == "LEAF"], "target", lambda tree: [0])
    yield case("deep", "TreeEnsembleRegressor", {"x": np.vstack([normal(30, 6), np.full((2, 6), -1, np.float32)])}, n_targets=1, **deep, **ends)
    nodes, leaves = forest(3, 0)
    yield case("leaves alone", "TreeEnsembleRegressor", {"x": x}, n_targets=1, **nodes, **weights(leaves, "target", lambda tree: [0]))

    clean = normal(40, 6)
    nodes, leaves = forest(8, 4)
    for how in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"):
        given = weights(leaves, "class", lambda tree: range(3), positive=True)
        yield case(f"3 classes {how}", "TreeEnsembleClassifier", {"x": clean}, 2, classlabels_int64s=[7, 3, 5], post_transform=how, **nodes, **given)
        for positive in (0, 1):
            given = weights(leaves, "class", lambda tree: [0], positive=positive)
            yield case(f"2 classes {how} {positive}", "TreeEnsembleClassifier", {"x": clean}, 2, classlabels_int64s=[4, 9], post_transform=how, **nodes, **given)
    given = weights(leaves, "class", lambda tree: [0])
    yield case("2 classes with a base", "TreeEnsembleClassifier", {"x": clean}, 2, classlabels_int64s=[4, 9], base_values=[0.25], post_transform="LOGISTIC",
               **nodes, **given)
    given = weights(leaves, "class", lambda tree: [tree % 4])
    yield case("one class a tree", "TreeEnsembleClassifier", {"x": clean}, 2, classlabels_int64s=[0, 1, 2, 3], base_values=[0.1, 0.2, -0.3, 0.0],
               **nodes, **given)
    given = weights(leaves, "class", lambda tree: [1])
    yield case("2 classes by the second", "TreeEnsembleClassifier", {"x": clean}, 2, classlabels_int64s=[0, 1], **nodes, **given)
    given = weights(leaves, "class", lambda tree: [0, 1], positive=True)
    yield case("2 classes by both", "TreeEnsembleClassifier", {"x": clean}, 2, compared=["out1"], classlabels_int64s=[0, 1], **nodes, **given)

    # The newer form: nodes and leaves in lists of their own.
    def newer(kind):
        splits, leaf = np.array([0.5, 0.0, 1.0, -1.0, 2.0], kind), np.array([1.5, -2.5, 3.0, 4.0, 0.25, 8.0], kind)
        return {"tree_roots": [0, 3], "nodes_featureids": [0, 2, 1, 3, 0], "nodes_modes": np.array([0, 6, 4, 3, 6], np.uint8), "nodes_splits": splits,
                "nodes_truenodeids": [1, 0, 2, 4, 4], "nodes_trueleafs": [0, 1, 1, 0, 1], "nodes_falsenodeids": [2, 1, 3, 5, 5], "nodes_falseleafs": [0, 1, 1, 1, 1],
                "nodes_missing_value_tracks_true": [1, 0, 1, 0, 1], "leaf_targetids": [0, 1, 1, 0, 0, 1], "leaf_weights": leaf,
                "membership_values": np.array([-2, 1, 3, np.nan, 0, 2], kind), "n_targets": 2}

    def tensors(attributes):
        return {key: numpy_helper.from_array(value, key) if isinstance(value, np.ndarray) else value for key, value in attributes.items()}

    for kind in (np.float32, np.float64):
        for function in range(4):
            numbers = whole(60, 4, dtype=kind)
            numbers[::9] = np.nan
            yield case(f"{kind.__name__} {function}", "TreeEnsemble", {"x": numbers}, version=5, aggregate_function=function, **tensors(newer(kind)))

    # Linear models.
    flat = {"coefficients": [float(v) for v in normal(18)], "intercepts": [0.5, -0.25, 1.0]}
    yield case("", "LinearRegressor", {"x": normal(5, 6)}, targets=3, **flat)
    for how in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"):
        inside = {} if how != "PROBIT" else {"coefficients": [0.01 * v for v in flat["coefficients"]], "intercepts": [0.5, 0.25, 0.75]}
        yield case(how, "LinearClassifier", {"x": normal(5, 6)}, 2, classlabels_ints=[4, 2, 9], post_transform=how, **{**flat, **inside})
    for how in ("NONE", "LOGISTIC"):
        yield case(f"two by one {how}", "LinearClassifier", {"x": normal(5, 6)}, 2, classlabels_ints=[4, 2], post_transform=how,
                   coefficients=flat["coefficients"][:6], intercepts=[0.1])

    # Support vectors: 3, 2 and 4 of them for three classes.
    def kernels(vectors):
        for name, parameters in (("LINEAR", [0.0, 0.0, 0.0]), ("POLY", [0.3, 0.5, 3.0]), ("RBF", [0.4, 0.0, 0.0]), ("SIGMOID", [0.2, 0.1, 0.0])):
            yield name, {"kernel_type": name, "kernel_params": parameters, "support_vectors": [float(v) for v in normal(vectors * 6)]}

    for name, kernel in kernels(9):
        weighed = {"coefficients": [float(v) for v in normal(18)], "rho": [0.1, -0.2, 0.3]}
        yield case(name, "SVMRegressor", {"x": normal(20, 6)}, n_supports=9, coefficients=weighed["coefficients"][:9], rho=[0.25], **kernel)
        yield case(name, "SVMClassifier", {"x": normal(20, 6)}, 2, classlabels_ints=[5, 1, 8], vectors_per_class=[3, 2, 4], **weighed, **kernel)
        yield case(f"{name} probabilities", "SVMClassifier", {"x": normal(20, 6)}, 2, classlabels_ints=[5, 1, 8], vectors_per_class=[3, 2, 4],
                   prob_a=[-1.5, -0.7, -2.0], prob_b=[0.1, 0.0, -0.3], **weighed, **kernel)
    two = {"classlabels_ints": [5, 1], "vectors_per_class": [4, 5], "coefficients": weighed["coefficients"][:9], "rho": [0.1], **kernel}
    yield case("of two", "SVMClassifier", {"x": normal(20, 6)}, 2, **two)
    yield case("of two, probabilities", "SVMClassifier", {"x": normal(20, 6)}, 2, prob_a=[-1.5], prob_b=[0.1], **two)
    yield case("of one class", "SVMRegressor", {"x": normal(20, 6)}, n_supports=9, one_class=1, coefficients=weighed["coefficients"][:9], rho=[0.25], **kernel)
    yield case("of features", "SVMRegressor", {"x": normal(20, 6)}, kernel_type="LINEAR", kernel_params=[0.0, 0.0, 0.0], coefficients=weighed["coefficients"][:6], rho=[0.25])

    # Of early ONNX.
    image = {"x": normal(2, 3, 6, 8)}
    early = {"domain": "", "version": 1, "opset": 9}
    yield Case("Affine", "Affine", {"x": normal(9)}, alpha=2.0, beta=-0.5, **early)
    yield Case("Scale", "Scale", image, scale=0.25, **early)
    yield Case("ScaledTanh", "ScaledTanh", image, alpha=2.0, beta=0.5, **early)
    yield Case("ParametricSoftplus", "ParametricSoftplus", image, alpha=2.0, beta=0.5, **early)
    yield Case("ImageScaler", "ImageScaler", image, scale=0.5, bias=[1.0, 2.0, -3.0], **early)
    yield Case("Crop", "Crop", image, border=[1, 2, 3, 1], **early)
    yield Case("Crop to a size", "Crop", image, border=[1, 2, 0, 0], scale=[3, 4], **early)

    # Features.
    for kind in (np.float32, np.float64, np.int64, np.int32):
        operands = {"x": whole(5, 6, dtype=kind)}
        yield case(kind.__name__, "Scaler", operands, offset=[0.5], scale=[2.0])
        yield case(f"{kind.__name__} each", "Scaler", operands, offset=[float(v) for v in range(6)], scale=[0.5 * v for v in range(6)])
        for norm in ("MAX", "L1", "L2"):
            yield case(f"{kind.__name__} {norm}", "Normalizer", operands, norm=norm)
    zeros = normal(4, 6)
    zeros[1] = 0
    for norm in ("MAX", "L1", "L2"):
        yield case(f"zeros {norm}", "Normalizer", {"x": zeros}, norm=norm)
    yield case("NaN", "Imputer", {"x": x}, imputed_value_floats=[float(v) for v in range(6)], replaced_value_float=float("nan"))
    yield case("number", "Imputer", {"x": whole(5, 6)}, imputed_value_floats=[9.5], replaced_value_float=1.0)
    yield case("integers", "Imputer", {"x": whole(5, 6, dtype=np.int64)}, imputed_value_int64s=[9], replaced_value_int64=1)
    yield case("", "FeatureVectorizer", {"a": normal(4, 2), "b": normal(4, 3), "c": normal(4, 1)}, inputdimensions=[2, 3, 1])
    yield case("int64", "LabelEncoder", {"x": whole(5, 4, dtype=np.int64)}, version=2, keys_int64s=[-1, 2, 0], values_floats=[0.5, 1.5, 2.5], default_float=-7.0)
    yield case("float", "LabelEncoder", {"x": np.array([1, np.nan, 3, 4.5], np.float32)}, version=4, keys_floats=[1.0, float("nan"), 4.5], values_int64s=[10, 20, 30])
    yield case("tensors", "LabelEncoder", {"x": whole(7, dtype=np.int64)}, version=4, default_tensor=numpy_helper.from_array(np.array([-2.5]), "d"),
               keys_tensor=numpy_helper.from_array(np.array([3, 0, -2]), "k"), values_tensor=numpy_helper.from_array(np.array([1.25, 2.5, 5.0]), "v"))
    for kind in (np.int64, np.float32):
        yield case(kind.__name__, "OneHotEncoder", {"x": whole(5, 4, dtype=kind)}, cats_int64s=[0, 2, -1])
