"""Settings of files (`torch.utils.serialization.config`), and their single records."""

import io
import zipfile

import pytest

import rustgrad as torch
from rustgrad import serialization
from rustgrad.utils.serialization import config


def data_starts(path):
    """Where the data of each tensor begin in the file."""
    reader = torch.PyTorchFileReader(path)
    return [reader.get_record_offset(name) for name in reader.get_all_records() if name.startswith("data/")]


def test_defaults_are_pytorchs():
    assert (config.load.mmap, config.load.endianness, config.load.mmap_flags) == (False, None, 2)
    assert (config.save.compute_crc32, config.save.storage_alignment) == (True, 64)


def test_alignment(tmp_path):
    state = {"a": torch.ones(3), "b": torch.zeros(5)}
    with config.patch("save.storage_alignment", 4096):
        torch.save(state, tmp_path / "wide.pt")
    torch.save(state, tmp_path / "narrow.pt")
    assert all(at % 4096 == 0 for at in data_starts(tmp_path / "wide.pt"))
    assert not all(at % 4096 == 0 for at in data_starts(tmp_path / "narrow.pt"))
    assert torch.load(tmp_path / "wide.pt")["b"].tolist() == [0] * 5
    with config.patch({"save.storage_alignment": 0}), pytest.raises(ValueError, match="storage_alignment"):
        torch.save(state, io.BytesIO())


def test_checksums_and_mapping(tmp_path):
    @config.patch({"save.compute_crc32": False, "load.mmap": True})
    def saved():
        torch.save(torch.ones(2), tmp_path / "x.pt")
        assert not serialization.get_crc32_options()
        with pytest.raises(ValueError, match="f must be a file path"):
            torch.load(io.BytesIO((tmp_path / "x.pt").read_bytes()))
        return torch.load(tmp_path / "x.pt")

    assert saved().tolist() == [1, 1]
    assert all(record.CRC == 0 for record in zipfile.ZipFile(tmp_path / "x.pt").infolist())
    assert serialization.get_crc32_options() and torch.load(tmp_path / "x.pt").tolist() == [1, 1]


def test_what_has_no_setting():
    with pytest.raises(AttributeError, match=r"torch\.utils\.serialization\.config\.load\.nope does not exist"):
        config.load.nope = 1
    with pytest.raises(AttributeError, match="does not exist"):
        config.patch({"save.nope": 1})


def test_records_are_written_and_read(tmp_path):
    for target in (io.BytesIO(), tmp_path / "records.pt"):
        with serialization._open_zipfile_writer(target) as writer:
            writer.write_record("a", b"12039", 5)
            writer.write_record("c/d", b"945894", 4)
            assert writer.get_all_written_records() == {"a", "c/d"}
            with pytest.raises(RuntimeError, match="Tried to serialize file twice: a"):
                writer.write_record("a", b"", 0)
        if hasattr(target, "seek"):
            target.seek(0)
            assert serialization._is_zipfile(target)
        with serialization._open_zipfile_reader(target) as reader:
            assert reader.get_record("a") == b"12039" and reader.get_record("c/d") == b"9458"
            assert reader.get_all_records() == ["a", "c/d", "version", "byteorder", ".data/serialization_id"]
            assert len(reader.serialization_id()) == 40 and not reader.has_record("b")
            with pytest.raises(RuntimeError, match="failed locating file b: file not found"):
                reader.get_record("b")


def test_both_words_in_the_environment(monkeypatch):
    file = io.BytesIO()
    torch.save(1, file)
    for name in ("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(RuntimeError, match="Only one of"):
        torch.load(file)
