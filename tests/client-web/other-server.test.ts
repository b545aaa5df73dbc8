import { describe, expect, test } from 'vitest';
import { CHROMIUM } from '../harness/chromium.ts';
import { spawnHomeserver } from '../harness/homeserver.ts';
import { createRoom, registerUser } from './browser-session.ts';
import { photograph } from './screenshots.ts';
import { roomInList, sharedBrowser, visitAs } from './visitor.ts';

describe.skipIf(CHROMIUM === undefined)('channels of another server', async () => {
  const [alpha, beta] = await Promise.all([spawnHomeserver(), spawnHomeserver()]);
  const browser = sharedBrowser();
  const [ana, ben] = await Promise.all([registerUser(alpha, 'Ana Ruiz'), registerUser(beta, 'Ben Okafor')]);
  for (const name of ['climbing', 'chess'])
    await createRoom([ben], { name, topic: `All about ${name}`, room_alias_name: name, visibility: 'public' });

  test('are found in its list and joined from there', async () => {
    const { page, complaints } = await visitAs(browser(), alpha, ana);
    await page.getByRole('button', { name: 'Find', exact: true }).click();
    const dialog = page.getByRole('dialog', { name: 'Find a channel' });
    await dialog.getByText('There are no public channels on this server yet.').waitFor();
    await dialog.getByLabel('Server').fill(beta.serverName);
    await dialog.getByText('All about climbing').waitFor();
    await photograph(page, 'find-channel');
    await dialog.getByRole('button', { name: 'Join climbing' }).click();
    await page.getByRole('main').getByRole('heading', { name: 'climbing', level: 1 }).waitFor();
    await roomInList(page, 'climbing').waitFor();
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  test('are joined by their address', async () => {
    const { page } = await visitAs(browser(), alpha, ana);
    await roomInList(page, 'climbing').waitFor();
    await page.getByRole('navigation', { name: 'Channels and messages' }).getByRole('button', { name: 'New' }).click();
    await page.getByRole('menuitem', { name: 'Find a channel' }).click();
    await page.getByLabel('Search channels').fill(`#chess:${beta.serverName}`);
    await page.keyboard.press('Enter');
    await page.getByRole('main').getByRole('button', { name: 'Join' }).click();
    await page.getByRole('main').getByRole('heading', { name: 'chess', level: 1 }).waitFor();
    await page.context().close();
  });

  test('say in words that a server cannot be reached', async () => {
    const { page } = await visitAs(browser(), alpha, ana);
    await roomInList(page, 'climbing').waitFor();
    await page.getByRole('navigation', { name: 'Channels and messages' }).getByRole('button', { name: 'New' }).click();
    await page.getByRole('menuitem', { name: 'Find a channel' }).click();
    await page.getByLabel('Server').fill('localhost:1');
    await page.getByRole('dialog').getByText('The other server cannot be reached.').waitFor();
    await photograph(page, 'find-channel-unreachable', ['desktop']);
    await page.context().close();
  });
});
