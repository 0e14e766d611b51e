//! Statements over many rows at once.

use std::collections::BTreeMap;

use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgConnection};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{SqlType, Untyped};
use diesel::{QueryResult, RunQueryDsl};

/// Rows by the day of their partition, in order: a statement is about one day, since Postgres picks the partition by a
/// day that is given, and looks into each of them for a list of days.
pub fn by_day<R: Copy, D: Ord>(rows: &[R], day: impl Fn(R) -> D) -> BTreeMap<D, Vec<R>> {
    let mut days = BTreeMap::<D, Vec<R>>::new();
    for row in rows {
        days.entry(day(*row)).or_default().push(*row);
    }
    days
}

/// A statement whose text is the same however many rows it is about, since each column of them is one array: so
/// Postgres plans it once a connection. `?` stands for the next array that is bound.
pub struct Statement {
    texts: Vec<&'static str>,
    columns: Vec<Box<dyn QueryFragment<Pg>>>,
}

impl Statement {
    /// A statement of this text.
    pub fn new(text: &'static str) -> Self {
        Self { texts: vec![text], columns: Vec::new() }
    }

    /// And of this after it.
    pub fn text(mut self, text: &'static str) -> Self {
        self.texts.push(text);
        self
    }

    /// And of another after it.
    pub fn then(mut self, other: Self) -> Self {
        self.texts.extend(other.texts);
        self.columns.extend(other.columns);
        self
    }

    /// With this for the next `?`.
    pub fn bind<T, V>(mut self, column: V) -> Self
    where
        T: SqlType + diesel::expression::TypedExpressionType,
        V: AsExpression<T>,
        V::Expression: QueryFragment<Pg> + 'static,
    {
        self.columns.push(Box::new(column.as_expression()));
        self
    }
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut columns = self.columns.iter();
        for text in &self.texts {
            let mut pieces = text.split('?');
            out.push_sql(pieces.next().unwrap_or_default());
            for (piece, column) in pieces.zip(columns.by_ref()) {
                column.walk_ast(out.reborrow())?;
                out.push_sql(piece);
            }
        }
        Ok(())
    }
}

impl QueryId for Statement {
    type QueryId = ();

    // Known by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement {
    type SqlType = Untyped;
}

impl RunQueryDsl<PgConnection> for Statement {}
