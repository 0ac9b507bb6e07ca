//! What scripts of other sites may do: cross-origin resource sharing as the Fetch standard has it.
//! Pure.
//!
//! Without `CADDY_CORS_ALLOWED_ORIGINS` nothing: a browser keeps such scripts from reading answers.
//! Ours never allow credentials, so that a script of an allowed site brings a token of its own.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use instance::Variables;

/// The sites that are allowed, and what for.
#[derive(Clone, Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: HeaderValue,
    headers: HeaderValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    Any,
    /// In lower case, as browsers write them.
    Listed(Vec<String>),
}

impl Cors {
    /// Reads `CADDY_CORS_ALLOWED_ORIGINS`, `_METHODS` and `_HEADERS`; nothing without the first.
    pub(crate) fn from_variables(variables: &Variables) -> (Option<Self>, Vec<String>) {
        let get = |name: &str| variables.get(name).map_or("", |value| value.trim());
        let mut problems = Vec::new();
        let entries = get(ORIGINS).split([',', ' ']).map(str::trim);
        let mut origins = Vec::new();
        for entry in entries.filter(|entry| !entry.is_empty()) {
            let entry = entry
                .strip_suffix('/')
                .unwrap_or(entry)
                .to_ascii_lowercase();
            match entry == "*" || is_origin(&entry) {
                true => origins.push(entry),
                false => problems.push(format!(
                    "{ORIGINS}: {entry:?} is not an origin; expected \"*\", or origins such as \
                     https://example.org:8443 separated by commas"
                )),
            }
        }
        if origins.is_empty() {
            return (None, problems);
        }
        let mut list = |name: &str, default: &'static str| {
            let text = match get(name) {
                "" => default,
                text => text,
            };
            HeaderValue::from_str(text).unwrap_or_else(|_| {
                problems.push(format!("{name}: not a header's value; {default:?} is used"));
                HeaderValue::from_static(default)
            })
        };
        let cors = Self {
            methods: list(METHODS, "GET, POST, PUT, DELETE, OPTIONS"),
            headers: list(HEADERS, "Authorization, Content-Type"),
            origins: match origins.iter().any(|origin| origin == "*") {
                true => Origins::Any,
                false => Origins::Listed(origins),
            },
        };
        (Some(cors), problems)
    }

    /// Whether a script of this origin may ask.
    pub(crate) fn allows(&self, origin: &HeaderValue) -> bool {
        match &self.origins {
            Origins::Any => true,
            Origins::Listed(origins) => origins
                .iter()
                .any(|listed| origin.as_bytes() == listed.as_bytes()),
        }
    }

    /// Whether these are listed by name, which says more than that anybody may read answers.
    pub(crate) fn names(&self, origin: &HeaderValue) -> bool {
        self.origins != Origins::Any && self.allows(origin)
    }

    /// Allows the script that sent `request` to read the answer, unless the app has its own rules.
    pub(crate) fn apply(&self, request: &HeaderMap, answer: &mut HeaderMap) {
        if self.origins != Origins::Any {
            answer.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = request
            .get(header::ORIGIN)
            .filter(|origin| self.allows(origin))
        else {
            return;
        };
        let origin = match self.origins {
            Origins::Any => HeaderValue::from_static("*"),
            Origins::Listed(_) => origin.clone(),
        };
        let mut offer = |name: HeaderName, value: HeaderValue| {
            if !answer.contains_key(&name) {
                answer.insert(name, value);
            }
        };
        offer(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        offer(header::ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        offer(header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
    }

    /// Whether a browser only asks what it may do. It never sends a credential with that.
    pub(crate) fn is_preflight(&self, method: &Method, headers: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && headers
                .get(header::ORIGIN)
                .is_some_and(|origin| self.allows(origin))
    }
}

/// Whether `text` is `scheme://host[:port]` and nothing more.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let is_scheme = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'+' | b'-' | b'.');
    !scheme.is_empty()
        && scheme.bytes().all(is_scheme)
        && crate::authority::Authority::parse(rest).is_some()
}

const ORIGINS: &str = "CADDY_CORS_ALLOWED_ORIGINS";
const METHODS: &str = "CADDY_CORS_ALLOWED_METHODS";
const HEADERS: &str = "CADDY_CORS_ALLOWED_HEADERS";

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &str) -> (Option<Cors>, Vec<String>) {
        let variables = [(ORIGINS.to_owned(), origins.to_owned())];
        Cors::from_variables(&variables.into())
    }

    fn answer(cors: &Cors, origin: &'static str) -> HeaderMap {
        let mut request = HeaderMap::new();
        request.insert(header::ORIGIN, HeaderValue::from_static(origin));
        let mut answer = HeaderMap::new();
        cors.apply(&request, &mut answer);
        answer
    }

    #[test]
    fn each_listed_origin_is_answered_alone() {
        let (read, problems) = cors("https://A.example, http://b.example:8080/,x, ftp:/y");
        assert_eq!(problems.len(), 2, "{problems:?}");
        let read = read.unwrap();
        for origin in ["https://a.example", "http://b.example:8080"] {
            let headers = answer(&read, origin);
            assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(headers[header::VARY], "Origin");
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        }
        for origin in ["https://a.example:1", "https://c.example", "null", ""] {
            let headers = answer(&read, origin);
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
            assert_eq!(headers[header::VARY], "Origin");
        }
    }

    #[test]
    fn everybody_is_a_star_and_nothing_is_nothing() {
        let read = cors("https://a.example,*").0.unwrap();
        let headers = answer(&read, "https://any.example");
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(header::VARY));
        assert!(!read.names(&HeaderValue::from_static("https://any.example")));
        assert!(cors(" ").0.is_none() && cors("nonsense").0.is_none());
    }

    #[test]
    fn the_app_s_own_rules_stay() {
        let read = cors("*").0.unwrap();
        let mut request = HeaderMap::new();
        request.insert(header::ORIGIN, HeaderValue::from_static("https://a"));
        let mut answer = HeaderMap::new();
        let own = HeaderValue::from_static("https://own");
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, own.clone());
        read.apply(&request, &mut answer);
        assert_eq!(answer[header::ACCESS_CONTROL_ALLOW_ORIGIN], own);
    }
}
