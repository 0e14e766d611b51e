//! What every page must pass, whichever test sees it.

use serde_json::{Value, json};

use crate::tab::Tab;

const AXE: &str = include_str!("vendor/axe-core/axe.min.js");

/// The rules of WCAG 2.2 A and AA, and good practice. `target-size` is off by default in axe-core.
const RUN_AXE: &str = "
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa', 'best-practice'];
    const options = { runOnly: tags, rules: { 'target-size': { enabled: true } }, resultTypes: ['violations'] };
    return axe.run(document, options).then(found => found.violations.map(violation =>
        violation.id + ': ' + violation.nodes.map(node => node.html + ' ' + node.failureSummary).join('; ')));";

/// Advice that Chromium gives now and then although it is followed: it looks at a form while that is still being read,
/// and at the second look leaves out the field that it saw at the first.
const MISTAKEN_ADVICE: &str = "[DOM] Password forms should have (optionally hidden) username fields";

const FACTS: &str = "
    const [entry] = performance.getEntriesByType('navigation');
    return [location.href, entry.responseStatus, document.documentElement.scrollWidth];";

impl Tab<'_> {
    /// Asserts all that must be true of a page; `status`: of its answer.
    pub async fn check(&self, status: u16) {
        let wrong = self.findings(status).await;
        let shown = if wrong.is_empty() { String::new() } else { self.text().await };
        assert!(wrong.is_empty(), "{}\n\non a page that says\n{shown}", wrong.join("\n"));
    }

    /// What is wrong with the page.
    pub async fn findings(&self, status: u16) -> Vec<String> {
        let (url, own_status, width): (String, u16, u32) = self.tell(FACTS).await;
        let mut wrong = self.complaints().await;
        // The browser notes every document that comes as an error, also where it is the right answer.
        let noted =
            format!("{url} - Failed to load resource: the server responded with a status of {status} ");
        wrong.retain(|complaint| status < 400 || !complaint.starts_with(&noted));
        if own_status != status {
            wrong.push(format!("{url} came with {own_status}, not {status}"));
        }
        if width > self.look.width {
            wrong
                .push(format!("{url} is {width} wide, and must be scrolled sideways at {}", self.look.width));
        }
        wrong.extend(self.barriers().await);
        wrong
    }

    /// What the browser has complained of in its console since it was asked last: failed requests, refusals by
    /// the policy, errors of scripts, and good advice.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.driver().browser_log().await.expect("the browser's log");
        log.into_iter()
            .map(|entry| entry.message)
            .filter(|message| !message.contains(MISTAKEN_ADVICE))
            .collect()
    }

    /// The barriers that axe-core finds.
    async fn barriers(&self) -> Vec<String> {
        self.let_scripts_run(true).await;
        self.run(AXE, vec![]).await;
        let found = self.tell(RUN_AXE).await;
        self.let_scripts_run(self.look.script).await;
        found
    }

    async fn let_scripts_run(&self, run: bool) {
        self.cdp("Emulation.setScriptExecutionDisabled", json!({ "value": !run })).await;
    }

    /// Has the browser look at pages as this tab should.
    pub async fn put_on_look(&self) {
        let look = self.look;
        let metrics = json!({
            "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": look.is_phone(),
        });
        let scheme = if look.dark { "dark" } else { "light" };
        let feature = |name: &str, value: &str| -> Value { json!({ "name": name, "value": value }) };
        let features = [feature("prefers-color-scheme", scheme), feature("prefers-reduced-motion", "reduce")];
        self.cdp("Emulation.setDeviceMetricsOverride", metrics).await;
        self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        // A tab in the background has its focus, too.
        self.cdp("Emulation.setFocusEmulationEnabled", json!({ "enabled": true })).await;
        self.let_scripts_run(look.script).await;
    }
}
