//! What stands before every endpoint of the management API: its query, who asks, and whether their bearer will do.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError};

use crate::app::management::caller::{recognise, used};
use crate::app::management::once;
use crate::app::management::sight::sight;
use crate::kernel::{Denial, PrincipalId};
use crate::platform::api::{Endpoint, Needs};
use crate::platform::form::Params;
use crate::platform::problem::ProblemFace;

/// Lets a request through to its endpoint, with its caller and what they may see.
pub(super) async fn admit(
    endpoint: Arc<Endpoint>,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    match check(&endpoint, &request).await {
        Ok(None) => next.call(request).await,
        Ok(Some(principal)) => once::pass(endpoint, principal, request, next).await,
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

/// Who asks, where somebody has to.
async fn check(endpoint: &Endpoint, request: &ServiceRequest) -> Result<Option<PrincipalId>, ProblemFace> {
    check_query(endpoint, request.query_string())?;
    let scope = match endpoint.needs {
        Needs::Nothing => return Ok(None),
        Needs::Bearer => None,
        Needs::Scope(scope) => Some(scope),
    };
    let (caller, bearer) = recognise(request.request()).await?;
    if let Some(scope) = scope.filter(|scope| !caller.has_scope(scope)) {
        return Err(Denial::ScopeMissing(scope).into());
    }
    if let Some(sees) = endpoint.sees {
        let sight = sight(request.request(), caller.clone(), sees).await??;
        request.extensions_mut().insert(sight);
    }
    used(request.request(), &bearer)?;
    let principal = caller.principal;
    request.extensions_mut().insert(caller);
    Ok(Some(principal))
}

/// A parameter that nobody reads is a mistake, or a bearer where it would be logged.
fn check_query(endpoint: &Endpoint, query: &str) -> Result<(), Denial> {
    let params = Params::parse(query.as_bytes())?;
    if params.names().any(|name| !endpoint.knows(name)) {
        return Err(Denial::Unfit("there is an unknown parameter in the query".to_owned()));
    }
    if params.names().any(|name| params.is_repeated(name)) {
        return Err(Denial::Unfit("a parameter of the query is there twice".to_owned()));
    }
    Ok(())
}
