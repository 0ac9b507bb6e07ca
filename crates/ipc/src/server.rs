//! The serving side.

use std::{convert::Infallible, time::Duration};

use http::{Request, Response};
use thiserror::Error;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{
    body::Body,
    server::NamedService,
    service::{Routes, RoutesBuilder},
    transport,
};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower::Service;

use crate::Listener;

/// Why serving ended early.
#[derive(Debug, Error)]
#[error("failed to serve gRPC on {path}")]
pub struct ServeError {
    path: String,
    #[source]
    source: transport::Error,
}

/// A gRPC server with reflection and health.
#[derive(Debug)]
pub struct Server {
    descriptors: &'static [u8],
    routes: RoutesBuilder,
    services: Vec<&'static str>,
    wellness: Wellness,
}

/// Whether a daemon runs as it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wellness {
    /// All is as asked.
    Well,
    /// It is up, but settings were refused or a part is missing: health answers `NOT_SERVING`.
    Degraded,
}

impl Wellness {
    /// Degraded by any problem.
    pub fn despite(problems: &[String]) -> Self {
        if problems.is_empty() {
            Self::Well
        } else {
            Self::Degraded
        }
    }
}

impl Server {
    /// A server without services; `descriptors` is an encoded `FileDescriptorSet`.
    pub fn new(descriptors: &'static [u8]) -> Self {
        Self {
            descriptors,
            routes: Routes::builder(),
            services: Vec::new(),
            wellness: Wellness::Well,
        }
    }

    /// Sets what health is answered; a server is well unless told otherwise.
    #[must_use]
    pub fn wellness(mut self, wellness: Wellness) -> Self {
        self.wellness = wellness;
        self
    }

    /// Adds a service; it answers reflection and is healthy from the start.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.services.push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Serves until `stop`, then gives open streams a moment to end.
    ///
    /// # Errors
    /// When the transport fails; a single bad connection does not end the server.
    ///
    /// # Panics
    /// Never: the descriptors are those of our own build.
    pub async fn serve(
        mut self,
        listener: Listener,
        stop: CancellationToken,
    ) -> Result<(), ServeError> {
        let health = self.health().await;
        let mut v1 = self.reflection();
        let mut v1alpha = self.reflection();
        for service in &self.services {
            v1 = v1.with_service_name(*service);
            v1alpha = v1alpha.with_service_name(*service);
        }
        let v1 = v1
            .with_service_name("grpc.health.v1.Health")
            .with_service_name("grpc.reflection.v1.ServerReflection")
            .with_service_name("grpc.reflection.v1alpha.ServerReflection")
            .build_v1()
            .expect("our own descriptors decode");
        let v1alpha = v1alpha
            .with_service_name("grpc.health.v1.Health")
            .with_service_name("grpc.reflection.v1.ServerReflection")
            .with_service_name("grpc.reflection.v1alpha.ServerReflection")
            .build_v1alpha()
            .expect("our own descriptors decode");
        self.routes
            .add_service(v1)
            .add_service(v1alpha)
            .add_service(health);
        let path = listener.path().display().to_string();
        let (incoming, _file) = listener.into_incoming();
        let serving = transport::Server::builder()
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
        tokio::select! {
            result = serving => result.map_err(|source| ServeError { path, source }),
            // Watch streams have no end of their own: after a moment they are cut.
            () = async { stop.cancelled().await; tokio::time::sleep(DRAIN).await } => Ok(()),
        }
    }

    /// The answer for the whole server (the empty service name) and for each of its services.
    async fn health(&self) -> HealthServer<HealthService> {
        let status = match self.wellness {
            Wellness::Well => ServingStatus::Serving,
            Wellness::Degraded => ServingStatus::NotServing,
        };
        let reporter = HealthReporter::new();
        for service in self.services.iter().copied().chain([""]) {
            reporter.set_service_status(service, status).await;
        }
        HealthServer::new(HealthService::from_health_reporter(reporter))
    }

    fn reflection(&self) -> tonic_reflection::server::Builder<'static> {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(self.descriptors)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // Either version names both, whichever a client happens to ask.
            .register_encoded_file_descriptor_set(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(
                tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
            )
    }
}

impl Listener {
    /// Splits into the stream of connections and the guard that removes the file.
    fn into_incoming(self) -> (UnixListenerStream, crate::listener::SocketFile) {
        let Self { inner, file } = self;
        (UnixListenerStream::new(inner), file)
    }
}

const DRAIN: Duration = Duration::from_millis(300);
