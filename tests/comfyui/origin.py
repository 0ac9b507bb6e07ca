"""Who may ask: the rules by which the real server tells its own page from other sites.

Without --enable-cors-header a request is refused with 403 and an empty body
 - when the browser says that another site caused it, whatever the path and the method;
 - when its Host is a loopback name and its Origin names another host or port. A missing port on
   either side, and an Origin that names no host (`null`), are let through.
"""

import ipaddress
import logging
import socket
from urllib.parse import urlsplit

from aiohttp import web


@web.middleware
async def same_origin_only(request, handler):
    refusal = cross_site(request.headers) or foreign_origin(request.headers)
    if refusal:
        logging.warning("WARNING: %s, returning 403", refusal)
        return web.Response(status=403)
    if request.method == "OPTIONS":
        return web.Response()
    return await handler(request)


def cors(allowed):
    """With the option the rules are off, and answers allow what it says."""

    @web.middleware
    async def middleware(request, handler):
        response = web.Response() if request.method == "OPTIONS" else await handler(request)
        # A WebSocket's head has been sent by the time its handler returns.
        if not response.prepared:
            response.headers.update({
                "Access-Control-Allow-Origin": allowed,
                "Access-Control-Allow-Methods": "POST, GET, DELETE, PUT, OPTIONS, PATCH",
                "Access-Control-Allow-Headers": "Content-Type, Authorization",
                "Access-Control-Allow-Credentials": "true",
            })
        return response

    return middleware


def cross_site(headers):
    if headers.get("Sec-Fetch-Site") == "cross-site":
        return "cross-site request"
    return None


def foreign_origin(headers):
    if "Host" not in headers or "Origin" not in headers:
        return None
    host = urlsplit("//" + headers["Host"].lower())
    origin = urlsplit(headers["Origin"].lower())
    if not is_loopback(host.hostname):
        return None
    ours = host.hostname if origin.port is None else host.netloc
    theirs = origin.hostname if host.port is None else origin.netloc
    if ours and theirs and ours != theirs:
        return f"request with non matching host and origin {ours} != {theirs}"
    return None


def is_loopback(name):
    if not name:
        return False
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
