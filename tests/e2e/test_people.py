"""Test in a browser, in Ukrainian, that what takes something from a person asks first and says what ends."""

from playwright.sync_api import expect


def test_a_block_is_undone_on_top_of_the_page(page_for, owner, staff, browse):
    theirs, page = browse(staff), page_for(owner, language="uk", width=360, height=740)
    page.goto(f"/people/{staff.pk}/?step=block")
    page.get_by_role("button", name="Заблокувати", exact=True).click()
    expect(page.locator("[data-notice=success]")).to_contain_text(
        "«staff» заблоковано, усі сеанси завершено."
    )
    assert theirs.get("/groups/").status_code == 302
    back = page.get_by_role("button", name="Розблокувати", exact=True)
    expect(back).to_be_in_viewport()
    assert back.bounding_box()["y"] < page.locator("[name=full_name]").bounding_box()["y"]
    back.click()
    expect(page.locator("[data-notice=success]")).to_contain_text("staff")
    expect(back).to_have_count(0)
    assert browse(staff).get("/groups/").status_code == 200
