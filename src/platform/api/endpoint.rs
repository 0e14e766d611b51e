//! What an endpoint says of itself. Routes are made of it, what it needs is enforced by it, and the document shows it.

use actix_web::Route;
use actix_web::http::Method;

use crate::platform::api::{Sees, Shape};

/// Who may ask an endpoint at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Anyone.
    Nothing,
    /// Whoever has a good bearer.
    Bearer,
    /// A good bearer with this scope.
    Scope(&'static str),
}

/// What an endpoint answers when all is well.
#[derive(Clone, Copy, Debug)]
pub enum Answers {
    /// 200, and one object.
    One(Shape),
    /// 200, and a page of objects.
    Many(Shape),
    /// 201, and what was made.
    Made(Shape),
    /// 200, and a stream in one of these media types.
    Stream(&'static [&'static str]),
    /// 204.
    Nothing,
    /// 202, and nothing more, whatever is true.
    Thanks,
}

/// An endpoint.
#[derive(Clone)]
pub struct Endpoint {
    /// Its method.
    pub method: Method,
    /// Its path, beneath the base.
    pub path: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Who may ask it.
    pub needs: Needs,
    /// What it shows of what was done, within the caller's sight.
    pub sees: Option<Sees>,
    /// The filters it knows.
    pub filters: &'static [&'static str],
    /// What it reads.
    pub body: Option<Shape>,
    /// It reads an array of those too, with so many in it at most.
    pub most: Option<usize>,
    /// What it answers.
    pub answers: Answers,
    /// It honours `If-Match`.
    pub is_versioned: bool,
    /// Makes its route.
    pub route: fn() -> Route,
}

impl Endpoint {
    /// An endpoint that anyone may ask, and that answers nothing: the rest is said by what follows.
    pub fn new(method: Method, path: &'static str, route: fn() -> Route, summary: &'static str) -> Self {
        Self {
            method,
            path,
            summary,
            needs: Needs::Bearer,
            sees: None,
            filters: &[],
            body: None,
            most: None,
            answers: Answers::Nothing,
            is_versioned: false,
            route,
        }
    }

    /// It needs this scope.
    pub fn scope(mut self, scope: &'static str) -> Self {
        self.needs = Needs::Scope(scope);
        self
    }

    /// Anyone may ask it.
    pub fn open(mut self) -> Self {
        self.needs = Needs::Nothing;
        self
    }

    /// It shows this of what was done.
    pub fn sees(mut self, sees: Sees) -> Self {
        self.sees = Some(sees);
        self
    }

    /// It reads this.
    pub fn reads(mut self, body: Shape) -> Self {
        self.body = Some(body);
        self
    }

    /// It reads one of this, or an array with so many at most.
    pub fn reads_some(self, body: Shape, most: usize) -> Self {
        Self { most: Some(most), ..self.reads(body) }
    }

    /// It answers this.
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// It knows these filters.
    pub fn filters(mut self, filters: &'static [&'static str]) -> Self {
        self.filters = filters;
        self
    }

    /// It honours `If-Match`.
    pub fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    /// Whether it heeds an `Idempotency-Key`. Whoever is nobody has no keys.
    pub fn heeds_keys(&self) -> bool {
        self.method == Method::POST && self.needs != Needs::Nothing
    }

    /// Whether it knows this parameter of a query.
    pub fn knows(&self, parameter: &str) -> bool {
        let is_page = matches!(self.answers, Answers::Many(_)) && ["limit", "cursor"].contains(&parameter);
        is_page || self.filters.contains(&parameter)
    }
}
