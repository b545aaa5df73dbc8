/** The frame of a signed-in user. Importing it again where it is drawn costs nothing. */
export const loadShell = () => import('./shell/Shell.tsx').then(({ Shell }) => Shell);

/** Fetches what fills the frame, so that it is there when a room is opened. */
export function preloadRoom(): void {
  for (const load of [() => import('./room/RoomRoute.tsx'), () => import('./room/RoomView.tsx')]) {
    load().catch(() => {
      // Whoever needs it asks again, and says so then.
    });
  }
}
