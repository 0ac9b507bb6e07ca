// Takes the pictures in docs/screenshots/: every page at 1280 and 360 px, light and dark.
import { open, story } from './chromium.mjs';

const PAGES = { overview: '/', processes: '/processes', logs: '/logs/jupyter', activity: '/activity', connect: '/connect' };

await story(async (link, directory) => {
  for (const width of [1280, 360]) {
    for (const colorScheme of ['light', 'dark']) {
      const { browser, page } = await open({
        viewport: { width, height: width === 360 ? 740 : 800 },
        colorScheme,
        reducedMotion: 'reduce',
      });
      await page.goto(link);
      await page.getByText('Live', { exact: true }).waitFor();
      for (const [name, path] of Object.entries(PAGES)) {
        await page.goto(new URL(path, link).href);
        await page.getByText('Live', { exact: true }).waitFor();
        await page.waitForLoadState('networkidle').catch(() => {});
        await page.locator('main h1').first().waitFor();
        await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
        await page.screenshot({ path: `${directory}/${name}-${width}-${colorScheme}.png` });
      }
      await browser.close();
    }
  }
});
