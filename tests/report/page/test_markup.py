from __future__ import annotations

from dmabuf_async.report.page.markup import Html, escaped, joined, tag


def test_text_becomes_markup_once() -> None:
    assert escaped("<b> & \"quotes' ") == "&lt;b&gt; &amp; &quot;quotes&#x27; "
    assert escaped(escaped("<")) == "&lt;"


def test_children_and_values_of_attributes_are_escaped() -> None:
    assert tag("p", "<i>", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;">&lt;i&gt;</p>'


def test_what_is_markup_already_stays_as_it_is() -> None:
    assert tag("p", tag("b", "<")) == "<p><b>&lt;</b></p>"
    assert joined((Html("<hr>"), "<")) == "<hr>&lt;"


def test_what_is_not_printable_is_an_escape() -> None:
    assert escaped("a\x00\u202eb\ud800") == "a\\x00\\u202eb\\ud800"


def test_elements_without_an_end_have_none() -> None:
    assert tag("input", type="range") == '<input type="range">'
    assert tag("line", x1="0") == '<line x1="0"/>'
    assert tag("span") == "<span></span>"


def test_names_that_python_keeps_for_itself_end_with_an_underscore() -> None:
    assert tag("label", class_="a", for_="b", aria_label="c") == '<label class="a" for="b" aria-label="c"></label>'
