//! The ways to proxies that are not at port 443 of their host, or whose certificate no public authority has signed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lifecycle::custom_store::Proxy;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::Failure;

/// Where to find the proxy of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The host in `XksProxyUriEndpoint`.
    pub host: String,
    /// `https://` or `http://`, and a host or address with a port.
    pub url: String,
    /// The PEM file with the certificates that sign the proxy's; without it, those of public authorities count.
    pub ca: Option<PathBuf>,
    /// The VPC endpoint service whose private DNS name is the host.
    pub vpc_endpoint_service: Option<String>,
}

/// A file with certificates cannot be used.
#[derive(Debug)]
pub struct RouteError {
    file: PathBuf,
    reason: String,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the certificates of an XKS proxy cannot be read from {}: {}",
            self.file.display(),
            self.reason
        )
    }
}

impl std::error::Error for RouteError {}

/// All routes, ready to be gone.
pub struct Routes {
    known: Vec<(Route, Way)>,
    public: Arc<ClientConfig>,
}

/// How to get to a proxy.
#[derive(Clone)]
pub(super) struct Way {
    /// Host or address, and port.
    pub(super) address: String,
    /// Absent for plain HTTP.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Routes {
    /// Reads the certificates of all routes.
    ///
    /// # Errors
    /// One of the files is missing or holds none.
    pub fn new(routes: Vec<Route>) -> Result<Self, RouteError> {
        let public = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let public =
            config(public).map_err(|error| RouteError { file: PathBuf::new(), reason: error.to_string() })?;
        let known = routes.into_iter().map(|route| {
            let tls = match &route.ca {
                Some(file) => authorities(file)?,
                None => Arc::clone(&public),
            };
            let way = match route.url.strip_prefix("http://") {
                Some(address) => Way { address: address.to_owned(), tls: None },
                None => {
                    let address = route.url.strip_prefix("https://").unwrap_or(&route.url);
                    Way { address: address.to_owned(), tls: Some(tls) }
                }
            };
            Ok((route, way))
        });
        Ok(Routes { known: known.collect::<Result<_, RouteError>>()?, public })
    }

    /// The way to a host: the one that is set for it, or port 443 as on AWS.
    pub(super) fn way(&self, host: &str) -> Way {
        let known = self.known.iter().find(|(route, _)| route.host.eq_ignore_ascii_case(host));
        match known {
            Some((_, way)) => way.clone(),
            None => Way { address: format!("{host}:443"), tls: Some(Arc::clone(&self.public)) },
        }
    }

    /// Whether the VPC endpoint service of a proxy, if it has one, is there and leads to its host.
    ///
    /// # Errors
    /// It is not there, or it is for another private DNS name.
    pub fn check_service(&self, proxy: &Proxy) -> Result<(), Failure> {
        let Some(service) = &proxy.service else { return Ok(()) };
        let is_it =
            |(route, _): &&(Route, Way)| route.vpc_endpoint_service.as_deref() == Some(&*service.name);
        let (route, _) = self.known.iter().find(is_it).ok_or(Failure::NoVpcService)?;
        let leads_there =
            proxy.endpoint.strip_prefix("https://").is_some_and(|host| route.host.eq_ignore_ascii_case(host));
        if leads_there { Ok(()) } else { Err(Failure::WrongVpcService) }
    }
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn authorities(file: &Path) -> Result<Arc<ClientConfig>, RouteError> {
    let error = |reason: String| RouteError { file: file.to_owned(), reason };
    let text = std::fs::read(file).map_err(|problem| error(problem.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|problem| error(problem.to_string()))?;
        roots.add(certificate).map_err(|problem| error(problem.to_string()))?;
    }
    if roots.is_empty() {
        return Err(error("it holds no certificate".to_owned()));
    }
    config(roots).map_err(|problem| error(problem.to_string()))
}
