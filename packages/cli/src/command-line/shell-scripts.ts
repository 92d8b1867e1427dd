/**
 * For bash from 3.2 on, without any other package. `COMP_WORDS` holds the words as they were typed, redirections among them,
 * and splits at `=`. Where nothing completes a word, files do.
 */
export const BASH = `# bash completion for livetree

_livetree_complete() {
  local current line value quoted index
  local -a words=()
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    case "\${COMP_WORDS[index]}" in
      '=') ;;
      '<' | '>' | '>>' | '<<<' | '>|' | '&>') ((index++)) ;;
      *) words+=("\${COMP_WORDS[index]}") ;;
    esac
  done
  ((index > COMP_CWORD)) && compopt -o default 2>/dev/null && return
  current="\${COMP_WORDS[COMP_CWORD]}"
  [[ $current == '=' ]] && current=''
  while IFS= read -r line; do
    [[ $line =~ ^:[0-9]+$ ]] && continue
    value="\${line%%$'\\t'*}"
    [[ -n $value && $value == "$current"* ]] || continue
    printf -v quoted '%q' "$value"
    COMPREPLY+=("$quoted")
  done < <(command livetree complete -- \${words[@]+"\${words[@]}"} "$current" 2>/dev/null </dev/null)
  ((\${#COMPREPLY[@]} == 0)) && compopt -o default 2>/dev/null
}

complete -F _livetree_complete livetree
`

/** For zsh: sourced, or put into a folder of `fpath`. */
export const ZSH = `#compdef livetree
# zsh completion for livetree

_livetree() {
  local line value
  local -a lines values
  lines=("\${(@f)$(command livetree complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null </dev/null)}")
  for line in "\${lines[@]}"; do
    if [[ -n $line && $line != :<-> ]]; then
      value=\${line%%$'\\t'*}
      values+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  [[ $PREFIX == --*=* ]] && compset -P '*='
  (( \${#values} )) && _describe 'livetree' values && return
  _files
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _livetree "$@"
else
  compdef _livetree livetree
fi
`

/**
 * For PowerShell. Its call operator hands words on as they are; before 7.3 it drops an empty one that is not in quotes of its
 * own.
 */
export const POWERSHELL = `# PowerShell completion for livetree

Register-ArgumentCompleter -Native -CommandName livetree -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $typed = @(
        $commandAst.CommandElements |
            Select-Object -Skip 1 |
            Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
            ForEach-Object { $_.Extent.Text }
    )
    $last = $wordToComplete
    if ($last -eq '' -and ($PSNativeCommandArgumentPassing -in $null, 'Legacy')) { $last = '""' }
    & livetree complete '--' @typed $last 2>$null | ForEach-Object {
        $name, $about = $_ -split "\`t", 2
        if (-not $about) { $about = $name }
        if ($name -notmatch '^:\\d+$' -and $name.StartsWith($wordToComplete)) {
            [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $about)
        }
    }
}
`
