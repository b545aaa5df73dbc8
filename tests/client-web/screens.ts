import type { Page } from 'playwright-core';
import type { TestHomeserver } from '../harness/homeserver.ts';
import type { Scene } from './scene.ts';
import { clear, composer, message } from './visitor.ts';

/** Something that the signed-in Ana of a scene can see, and how she gets there from anywhere else. */
export interface Screen {
  readonly name: string;
  readonly open: (page: Page, scene: Scene) => Promise<unknown>;
}

/** Follows an address within the page, as a link does. */
async function follow(page: Page, hash: string): Promise<void> {
  await page.goto(new URL(`#${hash}`, page.url()).href);
}

async function openRoom(page: Page, roomId: string, search = ''): Promise<void> {
  await follow(page, `/room/${encodeURIComponent(roomId)}${search}`);
  await page.getByRole('main').getByRole('heading', { level: 1 }).waitFor();
}

async function openDesign(page: Page, { design }: Scene): Promise<void> {
  await openRoom(page, design);
  await composer(page).waitFor();
  await message(page, 'minutes of the meeting').waitFor();
}

async function openPanel(page: Page, { design }: Scene, search: string): Promise<void> {
  await openRoom(page, design, search);
  await page.getByRole('complementary').getByRole('heading', { level: 2 }).first().waitFor();
}

/** Opens a dialog by the switcher, which is the same at every size of the window. */
async function openDialog(page: Page, entry: string, title: string): Promise<void> {
  await follow(page, '/');
  await page.keyboard.press('Control+k');
  await page.getByRole('option', { name: entry }).click();
  await page.getByRole('dialog', { name: title }).waitFor();
}

async function openMessageActions(page: Page, scene: Scene): Promise<void> {
  await openDesign(page, scene);
  await message(page, 'شكرا').hover();
  await message(page, 'شكرا').getByRole('toolbar').waitFor();
}

const settings = ['Profile', 'Appearance', 'Notifications', 'Devices', 'Account'].map(
  (section): Screen => ({
    name: `settings-${section.toLowerCase()}`,
    open: async (page) => {
      await follow(page, `/settings/${section.toLowerCase()}`);
      await page.getByRole('main').getByRole('heading', { name: section, level: 2 }).waitFor();
    },
  }),
);

export const screens: readonly Screen[] = [
  {
    name: 'home',
    open: async (page) => {
      await follow(page, '/');
      await page.getByRole('main').getByText('Zoë van der Meer invites you').waitFor({ state: 'attached' });
    },
  },
  { name: 'channel', open: openDesign },
  { name: 'message-actions', open: openMessageActions },
  {
    name: 'message-menu',
    open: async (page, scene) => {
      await openMessageActions(page, scene);
      await message(page, 'شكرا').getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('menuitem', { name: 'Delete' }).waitFor();
    },
  },
  {
    name: 'delete-message',
    open: async (page, scene) => {
      await openMessageActions(page, scene);
      await message(page, 'شكرا').getByRole('button', { name: 'More actions' }).click();
      await page.getByRole('menuitem', { name: 'Delete' }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'emoji',
    open: async (page, scene) => {
      await openDesign(page, scene);
      await page.getByRole('button', { name: 'Emoji' }).click();
      await page.getByRole('dialog').getByRole('gridcell').first().waitFor();
    },
  },
  {
    name: 'mention',
    open: async (page, scene) => {
      await openDesign(page, scene);
      await composer(page).pressSequentially('Ask @be');
      await page.getByRole('option', { name: 'Ben Okafor' }).waitFor();
    },
  },
  {
    name: 'lightbox',
    open: async (page, scene) => {
      await openDesign(page, scene);
      await page.getByRole('button', { name: 'Open image coast.png' }).click();
      await page.getByRole('dialog').getByRole('img', { name: 'coast.png' }).waitFor();
    },
  },
  {
    name: 'channel-menu',
    open: async (page, scene) => {
      await openDesign(page, scene);
      await page.getByRole('main').getByRole('button', { name: 'More', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Leave' }).waitFor();
    },
  },
  {
    name: 'leave',
    open: async (page, scene) => {
      await openDesign(page, scene);
      await page.getByRole('main').getByRole('button', { name: 'More', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Leave' }).click();
      await page.getByRole('alertdialog', { name: 'Leave design?' }).waitFor();
    },
  },
  {
    name: 'members',
    open: async (page, scene) => {
      await openPanel(page, scene, '?panel=members');
      await page.getByRole('complementary').getByText('Ben Okafor').waitFor();
    },
  },
  {
    name: 'member',
    open: async (page, scene) => {
      await openPanel(page, scene, `?panel=member&user=@benokafor:${scene.serverName}`);
      await page.getByRole('complementary').getByRole('button', { name: 'Message' }).waitFor();
    },
  },
  {
    name: 'channel-settings',
    open: async (page, scene) => {
      await openPanel(page, scene, '?panel=settings');
      await page.getByRole('complementary').getByText(`#design:${scene.serverName}`).waitFor();
    },
  },
  {
    name: 'thread',
    open: async (page, scene) => {
      await openPanel(page, scene, `?panel=thread&thread=${encodeURIComponent(scene.thread)}`);
      await page.getByRole('complementary').getByText('I do, this afternoon').waitFor();
    },
  },
  {
    name: 'no-permission',
    open: async (page, scene) => {
      await openRoom(page, scene.announcements);
      await page.getByText('You may read here, but not write.').waitFor();
    },
  },
  {
    name: 'direct-message',
    open: async (page, scene) => {
      await openRoom(page, scene.direct);
      await message(page, 'Lunch at one?').waitFor();
    },
  },
  {
    name: 'invitation',
    open: async (page, scene) => {
      await openRoom(page, scene.invitation);
      await page.getByRole('button', { name: 'Accept' }).waitFor();
    },
  },
  {
    name: 'not-found',
    open: async (page, scene) => {
      await follow(page, `/room/${encodeURIComponent(`#nowhere:${scene.serverName}`)}`);
      await page.getByText('There is nothing here').waitFor();
    },
  },
  {
    name: 'create-channel',
    open: async (page) => {
      await openDialog(page, 'Create a channel', 'Create a channel');
      await page.getByLabel('Name', { exact: true }).fill('Team lunch');
      await page.getByRole('radio', { name: 'Public' }).check({ force: true });
      await page.getByLabel('Address').waitFor();
    },
  },
  {
    name: 'find-channel',
    open: async (page) => {
      await openDialog(page, 'Find a channel', 'Find a channel');
      await page.getByRole('button', { name: 'Open design' }).waitFor();
    },
  },
  {
    name: 'new-direct-message',
    open: async (page) => {
      await openDialog(page, 'New direct message', 'New direct message');
      await page.getByRole('combobox', { name: 'People' }).fill('zo');
      await page.getByRole('option', { name: 'Zoë van der Meer' }).waitFor();
    },
  },
  {
    name: 'switcher',
    open: async (page) => {
      await follow(page, '/');
      await page.keyboard.press('Control+k');
      await page.getByRole('option', { name: 'design' }).waitFor();
    },
  },
  {
    name: 'shortcuts',
    open: async (page) => {
      await follow(page, '/');
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    },
  },
  ...settings,
];

/** Closes what lies over the page: menus, dialogs, pickers, and what was written but not sent. */
export async function leave(page: Page): Promise<void> {
  const overlays = page.getByRole('dialog').or(page.getByRole('alertdialog')).or(page.getByRole('menu'));
  for (let depth = 0; depth < 3 && (await overlays.count()) > 0; depth++) await page.keyboard.press('Escape');
  await overlays.first().waitFor({ state: 'detached' });
  if (await composer(page).isVisible()) await clear(composer(page));
}

/** The pages before sign-in, by their address, and a button that each of them has. */
export async function entrances(
  server: TestHomeserver & { readonly setupLink: string | undefined },
): Promise<readonly { name: string; url: string; button: string }[]> {
  return [
    { name: 'sign-in', url: `${server.baseUrl}/#/sign-in`, button: 'Sign in' },
    { name: 'sign-up', url: `${server.baseUrl}/#/sign-up`, button: 'Create an account' },
    { name: 'set-up', url: server.setupLink ?? '', button: 'Create administrator' },
  ];
}
