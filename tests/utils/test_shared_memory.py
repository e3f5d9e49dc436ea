"""Tensors in memory that processes share: forked and spawned ones, sent by queues and as arguments."""

import os
import pickle
import subprocess
import sys
import textwrap

import pytest

import rustgrad as torch
import rustgrad.multiprocessing as mp

pytestmark = pytest.mark.skipif(os.name == "nt", reason="built on files without a name")

PROGRAM = textwrap.dedent("""
    import sys
    import rustgrad as torch
    import rustgrad.multiprocessing as mp

    def add(model, counter):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(1)
        counter += 1

    def send(queue, tensor, done):
        tensor[0] = 42
        queue.put(tensor)
        queue.put(tensor[1:])
        done.wait(60)

    if __name__ == "__main__":
        context = mp.get_context(sys.argv[1])
        model = torch.nn.Linear(2, 2)
        model.share_memory()
        before, counter = model.weight.detach().clone(), torch.zeros(1).share_memory_()
        for _ in range(2):
            process = context.Process(target=add, args=(model, counter))
            process.start()
            process.join()
        print(process.exitcode, counter.item(), torch.allclose(model.weight, before + 2))
        queue, done, tensor = context.Queue(), context.Event(), torch.zeros(3).share_memory_()
        process = context.Process(target=send, args=(queue, tensor, done))
        process.start()
        whole, part = queue.get(), queue.get()
        done.set()
        process.join()
        whole[1] = 7
        print(tensor.tolist(), part.tolist(), whole.is_shared(), whole.data_ptr() + 4 == part.data_ptr())
""")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_write_to_the_same_memory(method, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    run = subprocess.run([sys.executable, file, method], capture_output=True, text=True, timeout=120)
    assert run.stdout.splitlines() == ["0 2.0 True", "[42.0, 7.0, 0.0] [7.0, 0.0] True True"], run.stderr


def test_pickles_copies_and_files_are_no_part_of_it(tmp_path):
    x = torch.arange(3.0).share_memory_()
    copies = [pickle.loads(pickle.dumps(x)), x.clone()]
    torch.save(x, tmp_path / "x.pt")
    copies.append(torch.load(tmp_path / "x.pt"))
    x[0] = 5
    assert all(c.tolist() == [0, 1, 2] and not c.is_shared() for c in copies)
    array = x.numpy()
    array[1] = 8
    assert x.tolist() == [5, 8, 2]


def test_memory_moves_under_arrays_and_histories():
    x = torch.ones(3, requires_grad=True)
    array = x.detach().numpy()
    x.share_memory_()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2, 2, 2] and array.tolist() == [1, 1, 1]


def test_memory_that_was_cut_stays_readable():
    x = torch.arange(1 << 16)
    x.untyped_storage().resize_(8)
    x.share_memory_()
    assert x.untyped_storage().nbytes() == 8 and x.tolist() == list(range(1 << 16))


def test_a_result_of_others_is_not_sent():
    queue = mp.get_context("spawn").SimpleQueue()
    with pytest.raises(RuntimeError, match="Cowardly refusing to serialize non-leaf tensor"):
        queue.put(torch.ones(2, requires_grad=True) * 2)


def test_what_has_no_memory_is_not_shared():
    with pytest.raises(NotImplementedError, match="Not available for 'meta' device type"):
        torch.empty(2, device="meta").share_memory_()


def test_names_of_strategies_and_reductions():
    strategy = mp.get_sharing_strategy()
    assert strategy in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy(strategy)
    with pytest.raises(AssertionError, match="invalid sharing strategy 'x', expected one of"):
        mp.set_sharing_strategy("x")
    rebuild, args = mp.reductions.reduce_tensor(torch.arange(3))
    assert rebuild(*args).tolist() == [0, 1, 2]
