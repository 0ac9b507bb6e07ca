// Asks until the app answers instead of the proxy, then opens it.
(() => {
  const pause = 2000;
  const waiting = (answer) => answer.headers.has("X-Portal-Placeholder") || answer.status >= 500;
  const look = async () => {
    try {
      const options = { cache: "no-store", headers: { Accept: "text/html" } };
      if (!waiting(await fetch(location.href, { ...options, method: "HEAD" }))) {
        location.reload();
        return;
      }
      const text = await (await fetch(location.href, options)).text();
      const page = new DOMParser().parseFromString(text, "text/html");
      for (const id of ["state", "log"]) {
        const [now, next] = [document.getElementById(id), page.getElementById(id)];
        if (!next || now.textContent === next.textContent) continue;
        now.textContent = next.textContent;
        now.hidden = next.hidden;
      }
    } catch {
      // The proxy itself is away; it comes back.
    }
    setTimeout(look, pause);
  };
  setTimeout(look, pause);
})();
