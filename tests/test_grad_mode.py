"""no_grad, enable_grad, set_grad_enabled, inference_mode: blocks, decorators, generators, errors inside."""

import pytest

import rustgrad as torch


def recorded():
    return (torch.ones(1, requires_grad=True) * 2).requires_grad


@pytest.fixture(autouse=True)
def recording_is_on_before_and_after():
    assert torch.is_grad_enabled()
    yield
    assert torch.is_grad_enabled()


def test_blocks_nest_and_end():
    with torch.no_grad():
        assert not recorded()
        with torch.enable_grad():
            assert recorded()
        assert not recorded()
    with torch.inference_mode():
        assert not recorded()
        with torch.inference_mode(False):
            assert recorded()
    assert recorded()


def test_a_block_ends_with_an_error_too():
    with pytest.raises(KeyError), torch.no_grad():
        raise KeyError
    assert recorded()


def test_one_object_can_be_entered_again_and_within_itself():
    off = torch.no_grad()
    with off:
        with torch.enable_grad(), off:
            assert not recorded()
        assert not recorded()
    with off:
        assert not recorded()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.no_grad(), torch.inference_mode, torch.set_grad_enabled])
def test_decorators(mode):
    if mode is torch.set_grad_enabled:
        mode = torch.set_grad_enabled(False)

    @mode
    def inside(x):
        """Its text."""
        return x, recorded()

    assert inside(3) == (3, False)
    assert inside.__name__ == "inside"
    assert inside.__doc__ == "Its text."
    assert recorded()


def test_a_decorated_generator_leaves_its_callers_mode():
    closed = []

    @torch.no_grad()
    def steps():
        try:
            got = yield recorded()
            try:
                yield got, recorded()
            except ValueError:
                yield "caught", recorded()
            return "end"
        finally:
            closed.append(recorded())

    run = steps()
    assert next(run) is False
    assert recorded()
    assert run.send("hello") == ("hello", False)
    assert run.throw(ValueError) == ("caught", False)
    assert recorded()
    with pytest.raises(StopIteration) as stop:
        next(run)
    assert stop.value.value == "end"
    early = steps()
    next(early)
    early.close()
    assert closed == [False, False]


def test_set_grad_enabled_works_at_once():
    torch.set_grad_enabled(False)
    assert not recorded()
    torch.set_grad_enabled(True)
    with torch.set_grad_enabled(False):
        assert not recorded()
    assert recorded()
