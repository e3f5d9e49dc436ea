"""The default generator's functions. (What each op draws is tested with the ops.)"""

import pytest

import rustgrad as torch


def test_seeds_and_states():
    assert torch.manual_seed(5) is torch.default_generator
    assert torch.initial_seed() == 5
    state = torch.get_rng_state()
    first = torch.rand(3)
    torch.set_rng_state(state)
    assert torch.rand(3).tolist() == first.tolist()
    torch.manual_seed(-1)
    assert torch.initial_seed() == 2**64 - 1
    assert torch.seed() == torch.initial_seed()


def test_a_fork_leaves_the_generator_as_it_was():
    torch.manual_seed(1)
    expected = torch.rand(4).tolist()
    torch.manual_seed(1)
    with torch.random.fork_rng():
        torch.manual_seed(9)
        torch.rand(100)
    with pytest.raises(KeyError), torch.random.fork_rng():
        torch.rand(1)
        raise KeyError
    assert torch.rand(4).tolist() == expected
    torch.manual_seed(1)
    with torch.random.fork_rng(enabled=False):
        torch.rand(2)
    assert torch.rand(2).tolist() == expected[2:]


def test_a_fork_decorates_functions():
    @torch.random.fork_rng(devices=[], device_type="cuda")
    def draws(depth):
        """Draws."""
        torch.manual_seed(depth)
        return torch.rand(1).item() + (draws(depth - 1) if depth else 0)

    torch.manual_seed(1)
    expected = torch.rand(1).item()
    torch.manual_seed(1)
    assert draws(2) == draws(2)
    assert torch.rand(1).item() == expected
    assert (draws.__name__, draws.__doc__) == ("draws", "Draws.")
    torch.manual_seed(1)
    with torch.random.fork_rng(device_type="meta"):
        torch.rand(1)
    assert torch.rand(1).item() != expected


def test_generators_of_worker_threads():
    from rustgrad.utils.data import DataLoader

    assert torch.random.thread_safe_generator() is None
    loader = DataLoader([0], num_workers=1, collate_fn=lambda _: torch.random.thread_safe_generator().initial_seed())
    torch.manual_seed(4)
    (seed,) = loader
    torch.manual_seed(4)
    assert seed == torch.empty((), dtype=torch.int64).random_().item()
