"""Can mail be read and written in a real browser, in light and in dark, without a script and without a word elsewhere?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.wait import WebDriverWait

from emaillab.world import Internet

MESSAGES = Path(__file__).resolve().parents[2] / "data" / "messages"
LETTERS = (
    "plain",
    "chinese-utf8",
    "newsletter-tracking",
    "related-five-images",
    "huge-headers",
    "chinese-inline-image",
)
EVIL = (
    b'From: "<script>document.title=1</script>" <eve@evil.example>\r\nSubject: </h1><img src=x onerror="document.title=1">\r\n'
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n"
    b"<script>document.title = 'taken over'</script><p onclick='x()'>Hello</p><img src='http://127.0.0.1:9/spy'>\r\n"
    b'--b\r\nContent-Type: text/html; name="../<b>page.html"\r\nContent-Disposition: attachment\r\n\r\n'
    b"<script>document.title = 'taken over'</script>\r\n--b--\r\n"
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def net() -> Iterator[Internet]:
    """Start the textbook's world, with letters for Bob."""
    with Internet.textbook(network="tcp") as world:
        for name in LETTERS:
            raw = (MESSAGES / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            world["hamburger.edu"].store.deliver(["bob"], raw, world.clock.now())
        world["hamburger.edu"].store.deliver(["bob"], EVIL, world.clock.now())
        yield world


@pytest.fixture
def bob(net: Internet, chromium: webdriver.Chrome) -> webdriver.Chrome:
    """Log Bob in, with an empty log of what the browser complained of."""
    address = "http://{}:{}".format(*net.address("hamburger.edu", "http"))
    chromium.get_log("browser")  # type: ignore[no-untyped-call]
    chromium.get(f"{address}/mail")
    if chromium.current_url.endswith("/login"):
        field = fill(chromium, user="bob", password="secret")
        field.submit()
        wait_for_the_next_page(chromium, field)
    assert chromium.current_url.endswith("/mail")
    return chromium


def wait_for_the_next_page(page: webdriver.Chrome, element: WebElement) -> None:
    """Wait until an element's page is gone; Chromium may have no answer while one page takes the other's place."""
    WebDriverWait(page, 30, ignored_exceptions=[WebDriverException]).until(staleness_of(element))


def fill(page: webdriver.Chrome, **values: str) -> WebElement:
    for name, value in values.items():
        field = page.find_element(By.NAME, name)
        field.clear()
        field.send_keys(value)
    return field


def follow(page: webdriver.Chrome, words: str, *, stays: bool = False) -> None:
    """Follow a link, and wait for the page behind it unless this one `stays`."""
    link = WebDriverWait(page, 30).until(lambda page: page.find_element(By.PARTIAL_LINK_TEXT, words))
    link.click()
    if not stays:
        wait_for_the_next_page(page, link)


def press(page: webdriver.Chrome, words: str) -> None:
    """Press a button, and wait for the page that answers."""
    button = page.find_element(By.XPATH, f"//button[.='{words}']")
    button.click()
    wait_for_the_next_page(page, button)


def text(page: webdriver.Chrome) -> str:
    return page.find_element(By.TAG_NAME, "body").text


def complaints(page: webdriver.Chrome) -> list[Any]:
    return list(page.get_log("browser"))  # type: ignore[no-untyped-call]


def test_a_wrong_password_says_so(net: Internet, chromium: webdriver.Chrome) -> None:
    chromium.get("http://{}:{}/".format(*net.address("hamburger.edu", "http")))
    fill(chromium, user="bob", password="guess").submit()
    alert = chromium.find_element(By.CSS_SELECTOR, "[role=alert]")
    assert alert.text == "User name or password is wrong."
    assert chromium.find_element(By.NAME, "user").get_attribute("value") == "bob"


def test_a_letter_is_read_answered_and_deleted(net: Internet, bob: webdriver.Chrome) -> None:
    before = len(net["hamburger.edu"].letters("bob"))
    follow(bob, subject_of(net, 2))
    assert "\\Seen" in flags(net, 2)
    follow(bob, "Reply")
    assert bob.find_element(By.NAME, "subject").get_attribute("value").startswith("Re: ")
    quoted = bob.find_element(By.NAME, "text")
    assert "\n> " in (quoted.get_attribute("value") or "")
    bob.execute_script("arguments[0].setSelectionRange(0, 0)", quoted)
    quoted.send_keys("好!\n.\n")
    fill(bob, to="alice@crepes.fr")
    press(bob, "Send")
    assert bob.current_url.endswith("/mail?told=sent")
    assert "Your letter is on its way." in text(bob)
    bob.refresh()  # after a 303 nothing is sent twice
    net.settle()
    (got,) = net["crepes.fr"].letters("alice")
    assert b"\r\nIn-Reply-To: <" in got
    assert b" (emaillab webmail) with HTTP id " in got
    follow(bob, "Sent")
    assert "alice@crepes.fr" in text(bob)

    follow(bob, "Inbox")
    follow(bob, subject_of(net, 1))
    press(bob, "Delete")
    assert "The letter is deleted." in text(bob)
    assert len(net["hamburger.edu"].letters("bob")) == before - 1
    assert complaints(bob) == []


def test_a_file_is_sent_along(net: Internet, bob: webdriver.Chrome, tmp_path: Path) -> None:
    (tmp_path / "薄饼.bin").write_bytes(bytes(range(256)))
    follow(bob, "Write")
    fill(bob, to="bob@hamburger.edu", subject="to myself", text="see the file")
    bob.find_element(By.NAME, "files").send_keys(str(tmp_path / "薄饼.bin"))
    press(bob, "Send")
    follow(bob, "to myself")
    assert "薄饼.bin" in text(bob)
    assert "256 octets" in text(bob)


def test_what_is_wrong_with_a_letter_is_said_and_nothing_is_lost(bob: webdriver.Chrome) -> None:
    follow(bob, "Write")
    fill(bob, to="nobody@hamburger.edu", subject="S", text="T")
    press(bob, "Send")
    assert "550" in bob.find_element(By.CSS_SELECTOR, "[role=alert]").text
    assert bob.find_element(By.NAME, "subject").get_attribute("value") == "S"
    assert bob.find_element(By.NAME, "text").get_attribute("value") == "T"


def test_what_strangers_wrote_stays_text(net: Internet, bob: webdriver.Chrome) -> None:
    follow(bob, "</h1><img")
    assert bob.title.startswith("</h1><img src=x onerror=")
    assert "Hello" in text(bob)
    assert bob.find_elements(By.TAG_NAME, "script") == []
    assert bob.find_elements(By.CSS_SELECTOR, "main img") == []
    assert "wanted to load 1 picture from elsewhere" in text(bob)
    here = bob.current_url
    follow(bob, "View source")
    assert "<script>document.title" in text(bob)
    assert bob.title != "taken over"
    bob.get(here)
    file = bob.find_element(By.CSS_SELECTOR, ".files a")
    assert file.text == "_b_page.html"
    follow(bob, "_b_page.html", stays=True)
    assert bob.current_url == here  # saved, not opened
    assert complaints(bob) == []


def test_pictures_of_a_letter_are_shown(net: Internet, bob: webdriver.Chrome) -> None:
    follow(bob, subject_of(net, 4))
    widths = bob.execute_script(
        "return [...document.querySelectorAll('.files img')].map(i => i.complete && i.naturalWidth)"
    )
    assert len(widths) == 5
    assert complaints(bob) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_every_page_has_contrast_names_and_no_overflow(
    net: Internet, bob: webdriver.Chrome, scheme: str, width: int, screenshots: Path
) -> None:
    look = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    bob.execute_cdp_cmd("Emulation.setEmulatedMedia", look)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    bob.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    base = bob.current_url.removesuffix("/mail")
    pages = {"list": "/mail", "compose": "/compose?reply=2", "missing": "/mail/999"}
    pages |= {f"letter-{number}": f"/mail/{number}" for number in (2, 3, 4, 5, 7)}
    for name, path in pages.items():
        bob.get(base + path)
        bob.save_screenshot(str(screenshots / f"webmail-{name}-{scheme}-{width}.png"))
        assert bob.execute_script("return document.documentElement.scrollWidth") <= width, name
        assert bob.execute_script(UNNAMED) == [], name
        assert bob.execute_script(PALE) == [], name
        assert len(bob.find_elements(By.TAG_NAME, "h1")) == 1
    bob.delete_all_cookies()
    bob.get(base + "/login")
    bob.save_screenshot(str(screenshots / f"webmail-login-{scheme}-{width}.png"))
    assert bob.execute_script(PALE) == []
    assert bob.execute_script(UNNAMED) == []
    bob.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    bob.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


# Fields without a label, links and buttons without words.
UNNAMED = """
return [...document.querySelectorAll('input:not([type=hidden]), textarea, a, button')]
  .filter(one => !(one.labels && one.labels.length) && !one.textContent.trim()).map(one => one.outerHTML);
"""
# Text whose contrast with its ground is below 4.5:1 (WCAG 1.4.3).
PALE = """
const parse = colour => colour.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
  .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const ground = one => {
  for (; one; one = one.parentElement) {
    const colour = parse(getComputedStyle(one).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll('body *')].filter(one =>
  [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())).filter(one => {
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
  }).map(one => one.outerHTML.slice(0, 100));
"""


def subject_of(net: Internet, uid: int) -> str:
    """Return words by which the link to a letter is found."""
    from emaillab.host.webmail.reading import summarise

    return summarise(inbox(net).raw(uid)).subject[:30].strip()


def flags(net: Internet, uid: int) -> frozenset[str]:
    return next(entry.flags for entry in inbox(net).entries() if entry.uid == uid)


def inbox(net: Internet) -> Any:
    account = net["hamburger.edu"].store.account("bob")
    assert account is not None
    return account.inbox
