"""The examples in the texts of `help()` print what they say."""

import doctest
import importlib

import pytest

import rustgrad as torch

PLACES = ("torch", "nn", "linalg", "fft")


def examples():
    seen = {}
    for place in PLACES:
        module = importlib.import_module(f"rustgrad._rustgrad.{place}")
        for name in module.__all__:
            doc = getattr(module, name).__doc__ or ""
            for example in doctest.DocTestParser().get_examples(doc):
                seen.setdefault(example.source.strip(), (f"{place}.{name}", example.want))
    return [pytest.param(source, want, id=name) for source, (name, want) in seen.items()]


@pytest.mark.parametrize("source, want", examples())
def test_an_example_prints_what_it_says(source, want):
    assert repr(eval(source, {"torch": torch})) + "\n" == want


def test_functions_of_common_use_have_examples():
    assert len(examples()) >= 95
