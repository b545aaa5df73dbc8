import {
  createHashHistory,
  createRootRoute,
  createRoute,
  createRouter,
  parseSearchWith,
  stringifySearchWith,
} from '@tanstack/react-router';
import { lazy } from 'react';
import { AppRoot } from './AppRoot.tsx';
import { PendingPlace } from './PendingPlace.tsx';
import { readRoomSearch } from './places.ts';
import { ToHome } from './ToHome.tsx';

const RoomRoute = lazy(() => import('./room/RoomRoute.tsx').then((module) => ({ default: module.RoomRoute })));
const HomeView = lazy(() => import('./shell/HomeView.tsx').then((module) => ({ default: module.HomeView })));
const SettingsView = lazy(() =>
  import('./settings/SettingsView.tsx').then((module) => ({ default: module.SettingsView })),
);

const rootRoute = createRootRoute({ component: AppRoot, notFoundComponent: ToHome });

// Before sign-in the root shows these pages by itself; whoever is signed in has no business there.
const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  validateSearch: (search: Record<string, unknown>): { token?: string } =>
    search.token === undefined ? {} : { token: String(search.token) },
  component: ToHome,
});
const signUpRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/sign-up',
  validateSearch: (search: Record<string, unknown>): { token?: string } =>
    search.token === undefined ? {} : { token: String(search.token) },
  component: ToHome,
});
const signInRoute = createRoute({ getParentRoute: () => rootRoute, path: '/sign-in', component: ToHome });

const homeRoute = createRoute({ getParentRoute: () => rootRoute, path: '/', component: HomeView });
const roomRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/room/$roomId',
  validateSearch: readRoomSearch,
  component: RoomRoute,
});
const settingsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/settings/$section',
  component: SettingsView,
});

const routeTree = rootRoute.addChildren([homeRoute, roomRoute, settingsRoute, setupRoute, signUpRoute, signInRoute]);

/** Everything behind `#`: the server sees none of it, least of all the token of a set-up link. */
export function createAppRouter() {
  return createRouter({
    routeTree,
    history: createHashHistory(),
    // Values are plain text: a token of digits must not become a number.
    parseSearch: parseSearchWith((value) => value),
    stringifySearch: stringifySearchWith(String),
    pathParamsAllowedCharacters: [':', '@'],
    defaultPendingMs: 0,
    defaultPendingComponent: PendingPlace,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
