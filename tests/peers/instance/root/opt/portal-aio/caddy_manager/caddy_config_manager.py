"""Writes /etc/portal.yaml from PORTAL_CONFIG and /etc/Caddyfile from both.

One hash per proxied app, each by `caddy hash-password` at Caddy's default cost, as the original
does. Credentials are those of the environment.
"""

import os
import subprocess
import tempfile
from pathlib import Path

CADDY = "/opt/peer/venv/bin/caddy"
PORTAL_YAML = Path("/etc/portal.yaml")
CADDYFILE = Path("/etc/Caddyfile")
DEFAULT_APPS = "localhost:1111:11111:/:Instance Portal"


def applications() -> list[dict[str, str]]:
    """Parses PORTAL_CONFIG: host:external:internal:path:name, joined by bars."""
    keys = ("hostname", "external_port", "internal_port", "open_path", "name")
    entries = os.environ.get("PORTAL_CONFIG", DEFAULT_APPS).split("|")
    return [dict(zip(keys, entry.split(":", 4))) for entry in entries]


def write_portal_yaml(apps: list[dict[str, str]]) -> None:
    """Replaces the file at once, so that its readers never see half of it."""
    lines = ["applications:"]
    for app in apps:
        lines.append(f"  {app['name']}:")
        lines += [f"    {key}: {value}" for key, value in app.items()]
    with tempfile.NamedTemporaryFile("w", dir="/etc", delete=False) as file:
        file.write("\n".join(lines) + "\n")
    os.chmod(file.name, 0o644)
    os.replace(file.name, PORTAL_YAML)


def hashed(password: str) -> str:
    """Hashes the password the way the generator of the original does: one process per call."""
    command = [CADDY, "hash-password", "--plaintext", password]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def site(app: dict[str, str], token: str, password: str, https: bool) -> str:
    """One listener: exempt paths, token in the query, cookie, bearer, else basic."""
    label = os.environ.get("VAST_CONTAINERLABEL")
    upstream = f"{app['hostname']}:{app['internal_port']}"
    scheme = "https" if https else "http"
    tls = "tls /etc/instance.crt /etc/instance.key" if https else ""
    username = os.environ.get("WEB_USERNAME", "vastai")
    cookie = f'header +Set-Cookie "{label}_auth_token={token}; Path=/; Max-Age=604800; HttpOnly; SameSite=lax"'
    proxy = f"""reverse_proxy {upstream} {{
            flush_interval -1
            header_up Host {{upstream_hostport}}
            header_up X-Real-IP {{remote_host}}
        }}"""
    return f"""
{scheme}://:{app['external_port']} {{
    {tls}
    encode zstd gzip
    @exempt path /.well-known/acme-challenge/* /.well-known/security.txt /security.txt /manifest.json /site.webmanifest
    @token query token={token} token={password}
    @cookie header_regexp Cookie "{label}_auth_token=({token}|{password})"
    @bearer header Authorization "Bearer {token}"
    @bearer_password header Authorization "Bearer {password}"
    handle /portal-resolver {{
        header Access-Control-Allow-Origin *
        respond 200
    }}
    handle @exempt {{
        {proxy}
    }}
    handle @token {{
        {cookie}
        {proxy}
    }}
    handle @cookie {{
        {proxy}
    }}
    handle @bearer {{
        {proxy}
    }}
    handle @bearer_password {{
        {proxy}
    }}
    handle {{
        basic_auth {{
            {username} {hashed(password)}
        }}
        {cookie}
        {proxy}
    }}
}}
"""


def main() -> None:
    """Generates both files; apps without a mapped port get no site."""
    apps = applications()
    write_portal_yaml(apps)
    token = os.environ["OPEN_BUTTON_TOKEN"]
    password = os.environ.get("WEB_PASSWORD", token)
    https = os.environ.get("ENABLE_HTTPS", "false").lower() == "true"
    wrappers = "listener_wrappers {\n            http_redirect\n            tls\n        }" if https else ""
    config = f"{{\n    servers {{\n        {wrappers}\n    }}\n}}\n"
    for app in apps:
        fronted = app["external_port"] != app["internal_port"]
        if fronted and os.environ.get(f"VAST_TCP_PORT_{app['external_port']}"):
            config += site(app, token, password, https)
    CADDYFILE.write_text(config)


if __name__ == "__main__":
    main()
