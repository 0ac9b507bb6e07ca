// The portal as a person meets it: the printed link, apps, a restart, logs, boot, GPU.
import { expect, open, story } from './chromium.mjs';

await story(async (link) => {
  const { browser, page, problems } = await open({ viewport: { width: 1280, height: 900 } });
  const id = (name) => page.locator(`[data-testid="${name}"]`);
  try {
    await page.goto(link);
    expect(!page.url().includes('token='), `the token stayed in ${page.url()}`);
    await page.getByText('Live', { exact: true }).waitFor();
    for (const app of ['Instance Portal', 'Jupyter', 'ComfyUI', 'TensorBoard']) {
      await id(`app-${app}`).waitFor();
    }
    const html = await page.content();
    expect(!html.includes('token='), 'a link in the page holds a token');
    await page.locator('[data-testid="gpu-state"][data-state="no_driver"]').waitFor();

    await page.getByRole('link', { name: 'Processes' }).click();
    const row = id('program-jupyter');
    await row.waitFor();
    const before = await row.getAttribute('data-pid');
    await id('restart-jupyter').click();
    await page.waitForFunction((pid) => {
      const row = document.querySelector('[data-testid="program-jupyter"]');
      return row?.dataset.state === 'running' && row.dataset.readiness === 'ready' && row.dataset.pid !== pid;
    }, before, { timeout: 60_000 });

    await page.getByRole('link', { name: 'Logs', exact: true }).click();
    await id('log-source').selectOption({ label: 'jupyter' }).catch(() => id('log-source').selectOption('jupyter'));
    await page.locator('[data-testid="log-line"]', { hasText: 'Jupyter Server' }).first().waitFor();

    await page.getByRole('link', { name: 'Activity' }).click();
    await id('boot-step-65-supervisor-launch').waitFor();
    await page.locator('[data-testid="event"]', { hasText: 'jupyter' }).first().waitFor();

    await page.getByRole('link', { name: 'Connect' }).click();
    await id('relay-state').waitFor();
    await page.getByText(/ssh .*-L /).first().waitFor();
    expect(problems.length === 0, `the console shows ${problems.join('; ')}`);
  } catch (error) {
    await page.screenshot({ path: '/tmp/portal-story.png' }).catch(() => {});
    throw error;
  } finally {
    await browser.close();
  }
});
