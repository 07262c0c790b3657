"""`/docs` and `/redoc`, served from packages so that they work offline; `/docs` filters by tag in a dropdown."""

from pathlib import Path

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

ASSETS = "/docs-assets"
POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "worker-src blob:; frame-ancestors 'none'"
)
OAUTH_REDIRECT = "/docs/oauth2-redirect"
TAG_FILTER = """
<style>
  #tag-filter { position: sticky; top: 0; z-index: 10; display: flex; gap: .75rem; align-items: center;
    padding: .6rem 1.25rem; background: #1b1b1b; color: #fff; font: 14px/1.4 system-ui, sans-serif; }
  #tag-filter select { font: inherit; padding: .25rem .5rem; border-radius: 4px; min-width: 16rem; }
  #tag-filter output { opacity: .7; }
</style>
<script>
  (function () {
    const bar = document.createElement('div');
    bar.id = 'tag-filter';
    bar.innerHTML = '<label for="tag">Show</label><select id="tag"><option value="">All sections</option></select>'
      + '<output></output>';
    document.body.prepend(bar);
    const asked = decodeURIComponent((location.hash.match(/^#tag=(.+)/) || [])[1] || '');
    const select = bar.querySelector('select'), count = bar.querySelector('output');
    const show = () => {
      const sections = document.querySelectorAll('.opblock-tag-section');
      let shown = 0;
      sections.forEach(section => {
        const tag = section.querySelector('.opblock-tag')?.dataset.tag;
        const visible = !select.value || tag === select.value;
        section.style.display = visible ? '' : 'none';
        if (visible) shown += section.querySelectorAll('.opblock').length;
      });
      count.textContent = shown + ' operations';
      history.replaceState(null, '', select.value ? '#tag=' + encodeURIComponent(select.value) : '#');
    };
    const fill = () => {
      const tags = [...document.querySelectorAll('.opblock-tag')].map(element => element.dataset.tag);
      if (!tags.length) return setTimeout(fill, 100);
      tags.forEach(tag => select.add(new Option(tag, tag)));
      if (tags.includes(asked)) select.value = asked;
      show();
    };
    select.addEventListener('change', show);
    fill();
  })();
</script>
"""


def install(app: FastAPI) -> None:
    """Add the pages and their assets."""
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.mount(ASSETS, StaticFiles(directory=assets), name="docs-assets")
    headers = {"content-security-policy": POLICY, "cache-control": "no-cache"}

    @app.get("/docs", include_in_schema=False)
    async def swagger() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=f"{app.title} API",
            oauth2_redirect_url=OAUTH_REDIRECT,
            swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{ASSETS}/swagger-ui.css",
            swagger_favicon_url=f"{ASSETS}/favicon.png",
            swagger_ui_parameters={
                "persistAuthorization": True,
                "displayRequestDuration": True,
                "docExpansion": "list",
            },
        )
        html = bytes(page.body).decode().replace("</body>", TAG_FILTER + "</body>")
        return HTMLResponse(html, headers=headers)

    @app.get(OAUTH_REDIRECT, include_in_schema=False)
    async def swagger_redirect() -> HTMLResponse:
        page = get_swagger_ui_oauth2_redirect_html()
        page.headers.update(headers)
        return page

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        page = get_redoc_html(
            openapi_url="/openapi.json",
            title=f"{app.title} API",
            redoc_js_url=f"{ASSETS}/redoc.standalone.js",
            redoc_favicon_url=f"{ASSETS}/favicon.png",
            with_google_fonts=False,
        )
        page.headers.update(headers)
        return page
