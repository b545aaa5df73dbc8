import { createContext, useContext } from 'react';

/** What can be open above the frame. */
export type OpenDialog =
  | { name: 'create-channel' }
  | { name: 'direct-message' }
  | { name: 'find-room' }
  | { name: 'invite'; roomId: string }
  | { name: 'leave'; roomId: string }
  | { name: 'shortcuts' }
  | { name: 'switcher' };

export interface Dialogs {
  open(dialog: OpenDialog): void;
  close(): void;
  isOpen: boolean;
}

export const DialogsContext = createContext<Dialogs>({ open: () => {}, close: () => {}, isOpen: false });

export function useDialogs(): Dialogs {
  return useContext(DialogsContext);
}
