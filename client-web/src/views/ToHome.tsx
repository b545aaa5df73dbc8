import { Navigate } from '@tanstack/react-router';

/** For addresses that lead nowhere (any more). */
export function ToHome() {
  return <Navigate to="/" replace />;
}
