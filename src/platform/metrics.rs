//! Counters and histograms, with labels from bounded sets only: never an id, a name or a raw path.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError, RwLock};

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    method: &'static str,
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Status(u16);

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        write!(encoder, "{}", self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: String,
}

/// An answer, as it is told apart from others of its route.
type Answer = (&'static str, u16);

/// What is counted of one route.
struct Route {
    seconds: Histogram,
    answers: Vec<(Answer, Counter)>,
}

impl Route {
    fn counter(&self, answer: Answer) -> Option<&Counter> {
        self.answers.iter().find(|(known, _)| *known == answer).map(|(_, counter)| counter)
    }
}

/// All that is counted.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabel, Histogram, fn() -> Histogram>,
    /// The same counters, found by a request without making labels.
    routes: RwLock<HashMap<String, Route>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let requests = Family::default();
        let seconds: Family<RouteLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0]));
        let mut registry = Registry::with_prefix("grantor");
        registry.register("http_requests", "Requests answered", Family::clone(&requests));
        registry.register("http_request_seconds", "Time to answer a request", seconds.clone());
        Self { registry: Mutex::new(registry), requests, seconds, routes: RwLock::default() }
    }
}

impl Metrics {
    /// Shows another slice's metric as well: once, at start, under a name of its own.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    /// Counts an answered request: its route's pattern (`unmatched` for unknown paths), GET, POST or `other`, and
    /// the answer's status.
    pub fn answered(&self, route: &str, method: &'static str, status: u16, seconds: f64) {
        let routes = self.routes.read().unwrap_or_else(PoisonError::into_inner);
        let known = routes.get(route).and_then(|route| Some((route, route.counter((method, status))?)));
        if let Some((route, counter)) = known {
            route.seconds.observe(seconds);
            counter.inc();
            return;
        }
        drop(routes);
        self.first_answered(route, method, status, seconds);
    }

    /// The first of its kind.
    fn first_answered(&self, route: &str, method: &'static str, status: u16, seconds: f64) {
        let labels = RequestLabels { route: route.to_owned(), method, status: Status(status) };
        let counter = self.requests.get_or_create_owned(&labels);
        counter.inc();
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let route = routes.entry(labels.route).or_insert_with_key(|route| Route {
            seconds: self.seconds.get_or_create_owned(&RouteLabel { route: route.clone() }),
            answers: Vec::new(),
        });
        route.seconds.observe(seconds);
        if route.counter((method, status)).is_none() {
            route.answers.push(((method, status), counter));
        }
    }

    /// The OpenMetrics text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shows_its_own_metric() {
        let (metrics, depth) = (Metrics::default(), Counter::<u64>::default());
        metrics.register("made_up", "Made up for this test", depth.clone());
        depth.inc();
        let text = metrics.text().unwrap();
        assert!(text.contains("# HELP grantor_made_up Made up for this test."), "{text}");
        assert!(text.contains("grantor_made_up_total 1\n"), "{text}");
    }

    #[test]
    fn answers_are_counted_by_route_method_and_status() {
        let metrics = Metrics::default();
        for (route, method, status) in [
            ("/a", "GET", 200),
            ("/a", "GET", 200),
            ("/a", "POST", 200),
            ("/a", "GET", 404),
            ("/b", "GET", 200),
        ] {
            metrics.answered(route, method, status, 0.003);
        }
        let text = metrics.text().unwrap();
        for line in [
            r#"grantor_http_requests_total{route="/a",method="GET",status="200"} 2"#,
            r#"grantor_http_requests_total{route="/a",method="POST",status="200"} 1"#,
            r#"grantor_http_requests_total{route="/a",method="GET",status="404"} 1"#,
            r#"grantor_http_requests_total{route="/b",method="GET",status="200"} 1"#,
            r#"grantor_http_request_seconds_count{route="/a"} 4"#,
            r#"grantor_http_request_seconds_bucket{le="0.005",route="/b"} 1"#,
        ] {
            assert!(text.lines().any(|said| said == line), "{line} is not in\n{text}");
        }
    }
}
