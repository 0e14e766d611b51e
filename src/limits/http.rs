//! The guard as a hook: before the body is read, and before anything costly is done.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};

use crate::kernel::Denial;
use crate::limits::guard::{Failed, Guard};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::faces::{OAuthFace, PageFace};

/// In front of the sign-in form.
pub async fn sign_in<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    pass::<PageFace, B>(&[Failed::SignIn], request, next).await
}

/// In front of the endpoints that authenticate clients.
pub async fn client_authentication<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    pass::<OAuthFace, B>(&[Failed::ClientAuthentication], request, next).await
}

async fn pass<F, B>(
    what: &[Failed],
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error>
where
    F: From<Denial> + ResponseError,
    B: MessageBody,
{
    if let Err(denial) = check(what, &request) {
        let response = F::from(denial).error_response().map_into_right_body();
        return Ok(request.into_response(response));
    }
    next.call(request).await.map(ServiceResponse::map_into_left_body)
}

fn check(what: &[Failed], request: &ServiceRequest) -> Result<(), Denial> {
    let extensions = request.extensions();
    let caller = extensions.get::<Context>().and_then(|context| Some((context.ip?, context.now)));
    let (Some(guard), Some((ip, now))) = (request.app_data::<web::Data<Guard>>(), caller) else {
        return Ok(());
    };
    if request.method() != Method::POST {
        return Ok(());
    }
    what.iter().try_for_each(|what| guard.check(*what, Network::of(ip), now))
}
