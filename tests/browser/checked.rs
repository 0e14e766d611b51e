//! The checks, checked: each finds what it is there to find, on a page that has it.

use crate::look::{DESK, PHONE};
use crate::stage::Stage;
use crate::support::eventually;
use crate::tab::Tab;

/// What the checks find wrong with a page of these words; `status`: that is expected.
async fn found(stage: &Stage, tab: &Tab<'_>, main: &str, status: u16) -> String {
    stage.elsewhere.show("/flawed", main);
    tab.go_unchecked(&format!("{}/flawed", stage.elsewhere.far())).await;
    tab.findings(status).await.join("\n")
}

#[tokio::test]
async fn the_checks_find_what_they_are_for() {
    let stage = Stage::set().await;
    let tab = stage.tab(PHONE).await;
    let good = "<h1>All is well</h1><p>And nothing else.</p>";
    assert_eq!(found(&stage, &tab, good, 200).await, "");
    let small = "<a href=\"/1\" style=\"font-size: 8px\">1</a><a href=\"/2\" style=\"font-size: 8px\">2</a>";
    for (main, status, finding) in [
        (good, 404, "came with 200, not 404"),
        ("<h1>Wide</h1><p style=\"width: 400px\">x</p>", 200, "scrolled sideways at 360"),
        ("<h1>Broken</h1><script>nonsense()</script>", 200, "nonsense is not defined"),
        ("<h1>Warned</h1><script>console.warn('mind this')</script>", 200, "mind this"),
        ("<h1>Lost</h1><img alt=\"\" src=\"/lost.png\">", 200, "status of 404"),
        (
            "<meta http-equiv=\"Content-Security-Policy\" content=\"style-src 'none'\"><h1 style=\"color: red\">Refused</h1>",
            200,
            "Content Security Policy",
        ),
        ("<h1>Pale</h1><p style=\"color: #bbb\">Too pale</p>", 200, "color-contrast"),
        ("<h1>Nameless</h1><input>", 200, "label"),
        ("<p>No heading</p>", 200, "page-has-heading-one"),
        (&format!("<h1>Small</h1><p>{small}</p>"), 200, "target-size"),
    ] {
        let found = found(&stage, &tab, main, status).await;
        assert!(found.contains(finding), "{finding} is not found in\n{main}\n{found}");
    }
}

/// An error page may be what a test expects; what else fails while it is shown is not.
#[tokio::test]
async fn only_the_page_itself_may_fail_and_only_as_expected() {
    let stage = Stage::set().await;
    let tab = stage.tab(DESK).await;
    tab.go_unchecked("/nowhere").await;
    assert_eq!(tab.findings(404).await, [""; 0]);
    tab.go_unchecked("/nowhere").await;
    let found = tab.findings(400).await;
    assert!(found.iter().any(|found| found.contains("status of 404")), "{found:?}");
    tab.go_unchecked("/nowhere").await;
    tab.tell::<()>("await fetch('/elsewhere-and-lost'); return null").await;
    let found = tab.findings(404).await;
    assert!(found.len() == 1 && found[0].contains("/elsewhere-and-lost"), "{found:?}");
}

/// A dialog that nobody expects stops the test that meets it.
#[tokio::test]
async fn a_dialog_does_not_go_unnoticed() {
    let stage = Stage::set().await;
    let tab = stage.tab(DESK).await;
    stage.elsewhere.show("/flawed", "<h1>Hello</h1><script>setTimeout(() => alert('hello'))</script>");
    tab.go_unchecked(&format!("{}/flawed", stage.elsewhere.far())).await;
    eventually("was stopped by the dialog", || async {
        let step = tab.driver().execute("return 1", vec![]).await;
        step.is_err_and(|problem| problem.to_string().contains("unexpected alert open"))
    })
    .await;
}
