"""Datasets in the formats of their authors, written here in small."""

import gzip
import pickle
import struct
import tarfile

import numpy as np
import pytest
from support import raised

import rustgrad as torch
from rustgrad.datasets import CIFAR10, CIFAR100, MNIST, FashionMNIST, read_idx
from rustgrad.utils.data import DataLoader, Subset

RNG = np.random.default_rng(1)


def idx(array, code=0x08):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.parametrize(
    ("code", "kind"), [(8, "u1"), (9, "i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")]
)
def test_idx_of_every_type(tmp_path, code, kind):
    wanted = np.arange(-3, 3).reshape(2, 3).astype(kind)
    (tmp_path / "plain").write_bytes(idx(wanted, code))
    (tmp_path / "packed").write_bytes(gzip.compress(idx(wanted, code)))
    supported = hasattr(torch, np.dtype(kind).name)
    for name in ("plain", "packed") if supported else ():
        found = read_idx(tmp_path / name)
        assert (str(found.dtype), found.tolist()) == (f"rustgrad.{np.dtype(kind).name}", wanted.tolist())


def test_idx_that_is_damaged(tmp_path):
    whole = idx(np.zeros((2, 3), np.uint8))
    path = tmp_path / "file"
    for data, message in [
        (b"", "is not an IDX file: it begins with nothing"),
        (b"\x89PNG", "is not an IDX file: it begins with 89 50 4e 47"),
        (whole[:9], "ends within its header"),
        (whole[:-1], r"has fewer than the 6 bytes of the shape \[2, 3\]"),
        (whole + b"\0", "has more than the 6 bytes"),
        (struct.pack(">BBBB4I", 0, 0, 8, 4, *[2**32 - 1] * 4), "has fewer than"),
        (gzip.compress(struct.pack(">BBBB4I", 0, 0, 8, 4, *[2**32 - 1] * 4)), "has fewer than"),
        (gzip.compress(whole)[:-12], "damaged gzip data"),
        (gzip.compress(whole)[:-8] + b"\0" * 8, "damaged gzip data"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ValueError, match=message):
            read_idx(path)


def mnist_files(folder, packed, n=5):
    folder.mkdir(parents=True)
    images = RNG.integers(0, 256, (n, 28, 28), np.uint8)
    labels = RNG.integers(0, 10, n, np.uint8)
    for part in ("train", "t10k"):
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            data = idx(array)
            (folder / f"{name}{'.gz' * packed}").write_bytes(gzip.compress(data) if packed else data)
        images, labels = images[:2], labels[:2]
    return images, labels


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["MNIST/raw", "MNIST", "raw", ""])
def test_mnist(tmp_path, packed, place):
    images, labels = mnist_files(tmp_path / "root" / place, packed)
    train, test = MNIST(tmp_path / "root", download=True), MNIST(str(tmp_path / "root"), train=False)
    assert (len(train), len(test)) == (5, 2)
    assert (test.data.dtype, test.data.tolist()) == (torch.uint8, images.tolist())
    assert (test.targets.dtype, test.targets.tolist()) == (torch.int64, labels.tolist())
    image, label = test[1]
    assert (image.shape, image.dtype, label) == ((1, 28, 28), torch.float32, labels[1])
    assert np.array_equal(image[0].numpy(), images[1].astype(np.float32) / 255)
    assert train.class_to_idx["7 - seven"] == 7
    assert repr(test).splitlines() == [
        "Dataset MNIST",
        "    Number of datapoints: 2",
        f"    Root location: {tmp_path / 'root'}",
        "    Split: Test",
    ]


def test_batches_of_images_are_gathered(tmp_path):
    mnist_files(tmp_path / "FashionMNIST" / "raw", False)
    data = FashionMNIST(tmp_path)
    assert data.classes[9] == "Ankle boot"
    alone = [[x.tolist(), y] for x, y in data]
    for loader in (DataLoader(data, 2), DataLoader(data, 2, num_workers=2), DataLoader(Subset(data, range(5)), 2)):
        batches = list(loader)
        assert [[x.tolist(), int(y)] for batch in batches for x, y in zip(*batch)] == alone
        assert batches[0][1].dtype == torch.int64
    changed = FashionMNIST(tmp_path, transform=lambda image: image.sum(), target_transform=lambda label: -label)
    assert [y.tolist() for _, y in DataLoader(changed, 5)] == [[-y for _, y in alone]]


def test_files_that_do_not_fit(tmp_path):
    message = raised(MNIST, tmp_path, download=True)
    assert message.startswith("RuntimeError: Dataset not found: MNIST looks for train-images-idx3-ubyte and ")
    assert "rustgrad downloads nothing" in message
    mnist_files(tmp_path / "MNIST" / "raw", False)
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(np.zeros(4, np.uint8)))
    assert "not 5 labels" in raised(MNIST, tmp_path)


def python2(value):
    """A pickle as Python 2 wrote it, protocol 2, where strings are bytes."""
    if isinstance(value, np.ndarray):
        kind = (
            b"cnumpy\ndtype\n" + python2("u1") + b"K\x00K\x01\x87R(K\x03" + python2("|") + b"NNNJ\xff\xff\xff\xff" * 1
        )
        kind += b"J\xff\xff\xff\xffK\x00tb"
        start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + python2("b") + b"\x87R"
        shape = b"".join(map(python2, value.shape)) + b"\x86"
        return start + b"(K\x01" + shape + kind + b"\x89" + python2(value.tobytes()) + b"tb"
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(k) + python2(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python2, value)) + b"e"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    data = value.encode() if isinstance(value, str) else value
    return b"T" + struct.pack("<i", len(data)) + data


def cifar_parts(hundred):
    """Names, images as bytes, and labels of every file."""
    names = ["train", "test"] if hundred else [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for name in names:
        yield name, RNG.integers(0, 256, (2, 3072), np.uint8), RNG.integers(0, 10, 2).tolist()


def cifar_files(folder, hundred, style):
    """Writes a set; returns its images and labels by file."""
    folder.mkdir(parents=True)
    parts = list(cifar_parts(hundred))
    classes = [f"class{i}" for i in range(100 if hundred else 10)]
    for name, images, labels in parts:
        if style == "binary":
            rows = [bytes([7] * hundred + [label]) + row.tobytes() for label, row in zip(labels, images)]
            (folder / f"{name}.bin").write_bytes(b"".join(rows))
            continue
        values = {"batch_label": name, "data": images, ("fine_labels" if hundred else "labels"): labels}
        data = b"\x80\x02" + python2(values) + b"." if style == "python2" else pickle.dumps(values, protocol=2)
        (folder / name).write_bytes(data)
    if style == "binary":
        meta = folder / ("fine_label_names.txt" if hundred else "batches.meta.txt")
        meta.write_text("\n".join(classes) + "\n\n")
    else:
        names = {"fine_label_names" if hundred else "label_names": classes}
        (folder / ("meta" if hundred else "batches.meta")).write_bytes(b"\x80\x02" + python2(names) + b".")
    return parts


FOLDERS = {
    (False, "python"): "cifar-10-batches-py",
    (True, "python"): "cifar-100-python",
    (False, "binary"): "cifar-10-batches-bin",
    (True, "binary"): "cifar-100-binary",
}


@pytest.mark.parametrize("style", ["python", "python2", "binary"])
@pytest.mark.parametrize("hundred", [False, True])
@pytest.mark.parametrize("archived", [False, True])
def test_cifar(tmp_path, hundred, style, archived):
    kind = style.rstrip("2")
    name = FOLDERS[hundred, kind]
    where = tmp_path / "elsewhere" / name if archived else tmp_path / name
    parts = cifar_files(where, hundred, style)
    if archived:
        with tarfile.open(tmp_path / f"cifar-10{'0' * hundred}-{kind}.tar.gz", "w:gz") as tar:
            tar.add(where, name)
    make = CIFAR100 if hundred else CIFAR10
    for data, wanted in ((make(tmp_path), parts[:-1]), (make(tmp_path, train=False), parts[-1:])):
        assert data.targets == [label for _, _, labels in wanted for label in labels]
        images = np.concatenate([images for _, images, _ in wanted]).reshape(-1, 3, 32, 32)
        assert data.data.shape == (len(images), 32, 32, 3)
        assert np.array_equal(data.data, images.transpose(0, 2, 3, 1))
        assert data.classes[9] == "class9"
        image, label = data[1]
        assert (image.shape, image.is_contiguous(), label) == ((3, 32, 32), True, data.targets[1])
        assert np.array_equal(image.numpy(), images[1].astype(np.float32) / 255)
        (batch, targets) = next(iter(DataLoader(data, batch_size=2)))
        assert np.array_equal(batch.numpy(), images[:2].astype(np.float32) / 255)
        assert targets.tolist() == data.targets[:2]


class Evil:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"data": Evil()}), "it names builtins.print, which no file of this set does"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.float32), "labels": [1]}), "is not of uint8"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}, 2), "is damaged: 1 labels"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": ["1"]}, 2), "is damaged"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [10]}, 2), "label 10, but there are 10"),
        (pickle.dumps({"labels": [1]}), "has no data"),
        (pickle.dumps([1]), "holds list, not dict"),
        (b"", "is not a file of this set"),
        (b"\x80\x04\x95", "is not a file of this set"),
    ],
)
def test_cifar_runs_nothing(tmp_path, capsys, content, message):
    folder = tmp_path / "cifar-10-batches-py"
    cifar_files(folder, False, "python")
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        CIFAR10(tmp_path, train=False)
    assert capsys.readouterr().out == ""


def test_cifar_that_is_not_whole(tmp_path):
    assert "CIFAR10 looks for cifar-10-batches-py or cifar-10-batches-bin in" in raised(CIFAR10, tmp_path)
    folder = tmp_path / "cifar-10-batches-bin"
    cifar_files(folder, False, "binary")
    (folder / "data_batch_3.bin").write_bytes(b"1" * 3074)
    assert "3074 bytes are no multiple of 3073" in raised(CIFAR10, tmp_path)
    (folder / "data_batch_3.bin").unlink()
    assert "has no file data_batch_3.bin" in raised(CIFAR10, tmp_path)
    (tmp_path / "cifar-100-python.tar.gz").write_bytes(b"no archive")
    assert "is damaged" in raised(CIFAR100, tmp_path)
