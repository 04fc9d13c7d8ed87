"""Test folding names for a search, and sorting them in the order of the Ukrainian alphabet."""

from groups.presenters.alphabet import alphabetical, folded


def test_names_are_sorted_as_in_the_ukrainian_alphabet():
    letters = "АБВГҐДЕЄЖЗИІЇЙКЛМНОПРСТУФХЦЧШЩЬЮЯ"
    assert "".join(sorted(set(letters), key=alphabetical)) == letters
    assert sorted(["Їжак", "Ігор", "Ґанок", "Гай", "Єва", "Ева"], key=alphabetical) == [
        *("Гай", "Ґанок", "Ева", "Єва", "Ігор", "Їжак"),
    ]


def test_case_apostrophes_and_forms_make_no_difference():
    assert len({folded(f"КАВ{sign}ярня") for sign in "'’ʼ`‘′"}) == 1
    assert folded("ЗЕЛЁНАЯ") == folded("зеленая")
    assert folded("и\u0306") == folded("Й")
