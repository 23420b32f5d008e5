#!/usr/bin/env perl
# idn_table.pl - writes core/src/xai_format_idn_table.c from the Unicode data that comes with Perl.
# SPDX-License-Identifier: MIT
#
#   tools/idn_table.pl > core/src/xai_format_idn_table.c && clang-format -i core/src/xai_format_idn_table.c
use strict;
use warnings;
use feature 'fc';
use Unicode::Normalize 'NFKC';
use Unicode::UCD ();

# The bits of a range, as xai_format_int.h names them.
my ($VALID, $MARK, $VIRAMA)                             = (1, 2, 4);
my ($GREEK, $HEBREW, $KANA_HAN)                         = (1 << 3, 2 << 3, 3 << 3);
my ($JOIN_LEFT, $JOIN_RIGHT, $JOIN_DUAL, $TRANSPARENT)  = (1 << 5, 2 << 5, 3 << 5, 4 << 5);
my ($LTR, $RTL, $EUROPEAN, $ARABIC, $NONSPACING)        = (1 << 8, 2 << 8, 3 << 8, 4 << 8, 5 << 8);

# RFC 5892 section 2.6.
my %pvalid     = map { $_ => 1 } 0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007;
my %contextual = map { $_ => 1 } 0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb, 0x660 .. 0x669, 0x6f0 .. 0x6f9;
my %disallowed = map { $_ => 1 } 0x640, 0x7fa, 0x302e, 0x302f, 0x3031 .. 0x3035, 0x303b;

# RFC 5892 section 3.
sub is_valid {
  my ($code, $char) = @_;
  return $pvalid{$code} if $pvalid{$code} || $disallowed{$code};
  return 1 if $char =~ /^[-0-9a-z]$/;
  return 0 if NFKC(fc(NFKC($char))) ne $char;
  return 0 if $char =~ /\p{Default_Ignorable_Code_Point}|\p{White_Space}|\p{Noncharacter_Code_Point}/;
  return 0 if $code >= 0x20d0 && $code <= 0x20ff || $code >= 0x1d100 && $code <= 0x1d24f;
  return 0 if $char =~ /\p{Hangul_Syllable_Type=L}|\p{Hangul_Syllable_Type=V}|\p{Hangul_Syllable_Type=T}/;
  return $char =~ /[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]/;
}

sub script_of {
  local $_ = shift;
  return /\p{Script=Greek}/ ? $GREEK : /\p{Script=Hebrew}/ ? $HEBREW :
    /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/ ? $KANA_HAN : 0;
}

sub joining_of {
  local $_ = shift;
  return /\p{Joining_Type=L}/ ? $JOIN_LEFT : /\p{Joining_Type=R}/ ? $JOIN_RIGHT :
    /\p{Joining_Type=D}/ ? $JOIN_DUAL : /\p{Joining_Type=T}/ ? $TRANSPARENT : 0;
}

sub direction_of {
  local $_ = shift;
  return /\p{Bidi_Class=L}/ ? $LTR : /[\p{Bidi_Class=R}\p{Bidi_Class=AL}]/ ? $RTL :
    /\p{Bidi_Class=EN}/ ? $EUROPEAN : /\p{Bidi_Class=AN}/ ? $ARABIC :
    /\p{Bidi_Class=NSM}/ ? $NONSPACING : 0;
}

sub flags_of {
  my $code = shift;
  return 0 if $code >= 0xd800 && $code <= 0xdfff;
  my $char  = chr $code;
  my $valid = is_valid($code, $char);
  return 0 unless $valid || $contextual{$code};
  return ($valid && !$contextual{$code} ? $VALID : 0) | ($char =~ /\p{M}/ ? $MARK : 0) |
    ($char =~ /\p{Canonical_Combining_Class=9}/ ? $VIRAMA : 0) |
    script_of($char) | joining_of($char) | direction_of($char);
}

my @starts;
my $last = -1;
for my $code (0 .. 0x10ffff) {
  my $flags = flags_of($code);
  push @starts, sprintf '0x%08x', $code << 11 | $flags if $flags != $last;
  $last = $flags;
}

my $version = Unicode::UCD::UnicodeVersion();
print <<"HEAD";
/* xai_format_idn_table.c - what may stand in a label of an international host name, and how it behaves there.
 * SPDX-License-Identifier: MIT
 *
 * Written by tools/idn_table.pl from Unicode $version and the rules of RFC 5892. Each entry is the first code
 * point of a range, shifted left by 11, and the XAI__IDN_ bits of that range.
 */
#include "xai_format_int.h"

const uint32_t xai__idn_ranges[] = {
HEAD
print join(', ', @starts), ",\n};\n\nconst size_t xai__idn_range_count = sizeof xai__idn_ranges / sizeof *xai__idn_ranges;\n";
