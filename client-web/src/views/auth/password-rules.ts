/** What the server asks for as well; said before it has to. */
export const minimumPasswordLength = 8;

export function passwordProblem(password: string): 'short' | undefined {
  return [...password].length < minimumPasswordLength ? 'short' : undefined;
}
