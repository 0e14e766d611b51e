//! What an answer of the person's flow tells, whole.

use super::{App, ISSUER, Page};
use grantor::accounts::store::set_disabled;
use grantor::kernel::PrincipalId;

impl Page {
    /// Where the browser is sent, without the parameters.
    pub fn target(&self) -> String {
        let location = self.location();
        location.split('?').next().unwrap_or_default().to_owned()
    }

    /// All that the app is told, in order.
    #[track_caller]
    pub fn told(&self) -> Vec<(String, String)> {
        let location = url::Url::parse(&self.location())
            .unwrap_or_else(|_| panic!("no redirect to an app ({}): {}", self.status, self.body));
        assert_eq!(location.fragment(), None, "nothing in the fragment");
        location.query_pairs().into_owned().collect()
    }

    /// Asserts that the app is told this error, with `state` and `iss`, and nothing besides (RFC 6749
    /// §4.1.2.1, RFC 9207 §2).
    #[track_caller]
    pub fn is_refusal(&self, error: &str) {
        self.is_refusal_with(error, &[("state", "the-state"), ("iss", ISSUER)]);
    }

    /// The same, with other companions.
    #[track_caller]
    pub fn is_refusal_with(&self, error: &str, companions: &[(&str, &str)]) {
        assert_eq!(self.status, 303, "{}", self.body);
        let told = self.told();
        let told: Vec<(&str, &str)> =
            told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let description = told.iter().find(|(name, _)| *name == "error_description");
        let words = description.map(|(_, words)| *words).unwrap_or_default();
        assert!(!words.is_empty(), "{told:?}");
        let expected = [&[("error", error), ("error_description", words)], companions].concat();
        assert_eq!(told, expected);
    }

    /// The body without what differs from one request to the next.
    pub fn body_but_request_id(&self) -> String {
        self.body.replace(&self.answer.header("x-request-id"), "the request id")
    }
}

impl App {
    /// How many events of this kind there are.
    pub fn count_events(&self, kind: &str) -> usize {
        self.events().iter().filter(|own| *own == kind).count()
    }

    /// The kinds of the events so far, by name: while the clock stands still, all are of one moment.
    pub fn events_by_name(&self) -> Vec<String> {
        let mut events = self.events();
        events.sort();
        events
    }

    /// Disables a client or a person.
    pub fn disable_principal(&self, principal: PrincipalId) {
        assert!(self.operator(|work| Ok(Ok(set_disabled(work, principal, true)?))));
    }
}
