// What a note is, and what a client may send as one.
import { z } from "zod";

export const NewNote = z.strictObject({
  title: z.string().trim().min(1).max(200),
  body: z.string().max(20_000).default(""),
  tags: z.array(z.string().trim().toLowerCase().min(1).max(30)).max(10).default([]),
});

export interface Note {
  id: number;
  title: string;
  body: string;
  tags: string[];
  created_at: string;
}
