// JupyterLab behind the front door: a cell runs in a live kernel and its output is read.
import { expect, open, story } from './chromium.mjs';

await story(async (link, notebook) => {
  const { browser, page } = await open({ viewport: { width: 1280, height: 900 } });
  const sockets = [];
  page.on('websocket', (socket) => sockets.push(socket.url()));
  try {
    await page.goto(link);
    expect(!page.url().includes('token='), `the token stayed in ${page.url()}`);
    await page.goto(notebook);
    const cell = page.locator('.jp-Notebook .jp-CodeCell').first();
    await cell.waitFor({ timeout: 60_000 });
    // A cell that is run before the kernel has answered is dropped without a word. The circle beside
    // the kernel's name is no help, it says idle before there is a kernel; the status bar knows.
    await page.getByText('Python 3 (ipykernel) | Idle').waitFor({ timeout: 60_000 });
    await cell.locator('.cm-content').click();
    await page.keyboard.press('Shift+Enter');
    const output = page.locator('.jp-OutputArea-output', { hasText: 'six times seven is 42' });
    await output.waitFor({ timeout: 60_000 });
    const kernels = sockets.filter((url) => /\/api\/kernels\/.*\/channels/.test(url));
    expect(kernels.length > 0, `no kernel WebSocket among ${sockets}`);
    expect(kernels.every((url) => url.startsWith('wss:')), `not TLS: ${kernels}`);
  } finally {
    await browser.close();
  }
});
