// A policy's section beside the chat, as it stood when the answer was given.
import { Markdown } from '@/components/markdown';

export default function Policy() {
  // What this Markdown would read as a deletion, a directive or a picture is meant as it stands
  const text = props.text.replace(/~|:(?=\p{L})|!(?=\[)/gu, '\\$&');
  return (
    <article className="kefu-policy" lang={props.language}>
      {props.heading ? <h2>{props.heading}</h2> : null}
      <Markdown>{text}</Markdown>
      <a href={props.href} target="_blank" rel="noopener">
        {props.open}
      </a>
    </article>
  );
}
