"""Test folding names for a search, and sorting them in the order of the Ukrainian alphabet."""

import pytest

from groups.presenters.alphabet import alphabetical, folded, has_all, is_almost, searchable, spellings


def test_names_are_sorted_as_in_the_ukrainian_alphabet():
    letters = "АБВГҐДЕЄЖЗИІЇЙКЛМНОПРСТУФХЦЧШЩЬЮЯ"
    assert "".join(sorted(set(letters), key=alphabetical)) == letters
    assert sorted(["Їжак", "Ігор", "Ґанок", "Гай", "Єва", "Ева"], key=alphabetical) == [
        *("Гай", "Ґанок", "Ева", "Єва", "Ігор", "Їжак"),
    ]


def test_an_apostrophe_has_no_place_in_the_order():
    names = ["Обід", "Об'єкт", "Обачні", "М’ята", "Мавка"]
    assert sorted(names, key=alphabetical) == names[::-1]


def test_case_apostrophes_and_forms_make_no_difference():
    assert len({folded(f"КАВ{sign}ярня") for sign in "'’ʼ`‘′´ʹʻ‛＇\""}) == 1
    assert folded("ЗЕЛЁНАЯ") == folded("зеленая")
    assert folded("и\u0306") == folded("Й")


def test_dashes_make_no_difference():
    assert len({folded(f"Нечуй{sign}Левицький") for sign in "-‐\N{NON-BREAKING HYPHEN}‒–—−"}) == 1


@pytest.mark.parametrize("typed", ["Лукяненко", "лук’яненко", 'Лук"яненко', "Лукьяненко", "Lukyanenko"])
def test_a_name_is_found_with_any_apostrophe_or_none(typed):
    assert has_all("Лук'яненко Олена", [spellings(typed)])


def test_letters_that_ukrainian_and_russian_write_differently_are_one():
    assert searchable("Їжа, Є-м'ята") == searchable("ижа, е-мята")
    assert searchable("Ґанок") == searchable("ГАНОК")
    assert searchable("рыба") == searchable("риба")
    assert searchable("кава") != searchable("кафа")


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("barista", "бариста"),
        ("Shchyt", "щит"),
        ("Yizhak", "їжак"),
        ("kviten", "квітен"),
        ("баріста", "бариста"),
    ],
)
def test_a_word_is_found_in_the_other_alphabet_too(typed, found):
    assert {searchable(typed), searchable(found)} == spellings(typed)


@pytest.mark.parametrize(
    ("word", "other", "almost"),
    [
        ("кава", "кава", True),
        ("кава", "кафа", True),
        ("кава", "кавва", True),
        ("кава", "каав", False),
        ("кава", "кавова", False),
        ("", "к", True),
    ],
)
def test_words_that_differ_by_one_letter_are_almost_the_same(word, other, almost):
    assert is_almost(word, other) is almost
    assert is_almost(other, word) is almost
