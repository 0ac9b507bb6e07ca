"""The peer's page: fixed, so that what is measured is the stack and not the page."""

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Instance Portal</title></head>
<body><main><h1>Instance Portal</h1><p>The instance is running.</p></main></body>
</html>
"""


@app.get("/", response_class=HTMLResponse)
async def index() -> str:
    return PAGE


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
