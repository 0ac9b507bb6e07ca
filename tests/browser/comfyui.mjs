// ComfyUI's own page behind the front door: a prompt is queued and watched, an image goes up and is
// seen, and the page finds its way back when the app is restarted under it.
import { expect, open, story } from './chromium.mjs';

await story(async (link, restart) => {
  const { browser, context, page, problems } = await open({ viewport: { width: 1920, height: 1080 } });
  page.setDefaultTimeout(60_000);
  try {
    const [socket] = await Promise.all([connected(page), page.goto(link)]);
    expect(!page.url().includes('token='), `the token stayed in ${page.url()}`);
    expect(socket.url().startsWith('wss:'), `not TLS: ${socket.url()}`);
    await runs(page, socket);
    expect(problems.length === 0, `the console shows ${problems.join('; ')}`);
    await saves(page);
    await uploads(page);
    // The page may look for the image it is still sending.
    const early = /status of 404 .*\/api\/view\?type=input/;
    const others = problems.splice(0).filter((problem) => !early.test(problem));
    expect(others.length === 0, `with the upload the console shows ${others.join('; ')}`);

    const [again, answer] = await Promise.all([connected(page), context.request.post(restart)]);
    expect(answer.ok(), `the restart was answered ${answer.status()}`);
    expect(again.url().includes('clientId='), `a new client: ${again.url()}`);
    // The page complains of what it cannot reach while the app is away, but nothing may be refused.
    const refused = problems.splice(0).filter((problem) => /\b40[13]\b|blocked|CORS/.test(problem));
    expect(refused.length === 0, `while the app was away the console showed ${refused.join('; ')}`);
    await runs(page, again);
    expect(problems.length === 0, `after the restart the console shows ${problems.join('; ')}`);
  } catch (error) {
    await page.screenshot({ path: '/tmp/comfyui-story.png' }).catch(() => {});
    throw error;
  } finally {
    await browser.close();
  }
});

// The next WebSocket on which the app says something.
function connected(page) {
  return page.waitForEvent('websocket', {
    predicate: (socket) => socket.waitForEvent('framereceived').catch(() => false),
  });
}

// The default workflow runs from the button to the picture in the page.
async function runs(page, socket) {
  const steps = [];
  let previews = 0;
  socket.on('framereceived', ({ payload }) => {
    if (typeof payload !== 'string') previews += 1;
    else if (payload.includes('"type": "progress",')) steps.push(JSON.parse(payload).data.value);
  });
  const button = page.getByRole('button', { name: 'Run', exact: true });
  await Promise.all([
    socket.waitForEvent('framereceived', ({ payload }) => payload.includes('"execution_success"')),
    page.waitForResponse((answer) => answer.ok() && /\/api\/view\?.*type=output/.test(answer.url())),
    button.click(),
  ]);
  expect(`${steps}` === '1,2,3,4,5,6,7,8', `the progress was ${steps}`);
  expect(previews === 8, `${previews} previews`);
}

// The page names a workflow by one path segment with a slash in it, which has to stay encoded.
async function saves(page) {
  const [status, found] = await page.evaluate(async () => {
    const answer = await window.app.api.storeUserData('workflows/mine of today.json', { nodes: [] });
    return [answer.status, await window.app.api.listUserDataFullInfo('workflows')];
  });
  expect(status === 200, `saving a workflow was answered ${status}`);
  expect(found.some(({ path }) => path === 'mine of today.json'), `saved: ${JSON.stringify(found)}`);
}

// An image that is dropped on the page, too large for any one buffer, comes back as it was.
async function uploads(page) {
  const dropped = await page.evaluateHandle(async () => {
    const canvas = new OffscreenCanvas(1024, 1024);
    const pixels = new ImageData(1024, 1024);
    for (let at = 0; at < pixels.data.length; at += 65536) {
      crypto.getRandomValues(pixels.data.subarray(at, at + 65536));
    }
    canvas.getContext('2d').putImageData(pixels, 0, 0);
    window.picture = await canvas.convertToBlob();
    const transfer = new DataTransfer();
    transfer.items.add(new File([window.picture], 'noise of mine.png', { type: 'image/png' }));
    return transfer;
  });
  const [answer] = await Promise.all([
    page.waitForResponse((answer) => answer.url().endsWith('/api/upload/image')),
    page.waitForResponse((answer) => answer.ok() && /\/api\/view\?.*type=input/.test(answer.url())),
    page.dispatchEvent('#graph-canvas', 'drop', { dataTransfer: dropped, clientX: 900, clientY: 900 }),
  ]);
  const { name } = await answer.json();
  const same = await page.evaluate(async (name) => {
    const answer = await fetch(`api/view?${new URLSearchParams({ type: 'input', filename: name })}`);
    const [there, mine] = await Promise.all([answer, window.picture].map((it) => it.arrayBuffer()));
    const bytes = new Uint8Array(mine);
    return there.byteLength === mine.byteLength && new Uint8Array(there).every((byte, at) => byte === bytes[at]);
  }, name);
  expect(same, `${name} is not what was dropped`);
}
